import { describe, expect, test } from 'vitest'
import type { Case, CaseInput, Random } from '../case.ts'
import { cases } from '../cases/index.ts'
import { doubles, gradients, newVariantsOf, testDevice } from '../harness.ts'
import { normals, randomOf } from '../numbers.ts'
import { checkAdding, largestOf, wantsGradient } from './check_adding.ts'

const at = await testDevice()

/** Step of the central differences as a share of an input's largest magnitude; the reference is float64. */
const STEP = 1e-6
const DIRECTIONS = 2
const ELEMENTS = 4

/** Every row as it runs here, and every variant on one row; variants.test.ts has every variant on every row. */
for (const operation of cases.filter(wantsGradient)) {
  describe(`d(${operation.operation})`, () => {
    for (const row of operation.rows) {
      const name = `${operation.operation} ${JSON.stringify(row)}`
      test(name, async context => {
        const reason = operation.skip?.(row, at.device.facts)
        if (reason) context.skip(reason)
        await checkRow(operation, row, randomOf(`gradient ${name}`))
      })
    }
  })
}

async function checkRow(operation: Case<object>, row: object, random: Random): Promise<void> {
  const inputs = operation.inputs(row, random)
  const expected = operation.reference(doubles(inputs), row)
  const output = operation.differentiates ?? Object.keys(expected)[0]!
  const cotangent = normals(random, expected[output]!.length)
  const value = (given: Record<string, Float64Array>): number =>
    operation.reference(given, row)[output]!.reduce((sum, y, i) => sum + y * cotangent[i]!, 0)
  const found = await gradients(at, operation, row, inputs, cotangent)
  const tolerance = operation.gradientTolerance ?? 1e-4
  for (const [name, gradient] of Object.entries(found))
    checkInput(inputs, name, Float64Array.from(gradient), value, random, tolerance)

  await checkAdding(at, operation, row, { inputs, cotangent, found }, newVariantsOf(at, operation, row, random), random)
}

/** Holds a gradient to central differences along random ±1 directions, and at single elements, the first and last among them. */
function checkInput(
  inputs: Record<string, CaseInput>,
  name: string,
  gradient: Float64Array,
  value: (given: Record<string, Float64Array>) => number,
  random: Random,
  tolerance: number,
): void {
  const x = Float64Array.from(inputs[name]!.data)
  const step = STEP * Math.max(largestOf(x), 1e-3)
  const norm = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0))
  const largest = largestOf(gradient)
  const check = (direction: Float64Array, scale: number, what: string): void => {
    const moved = (sign: number): number =>
      value({ ...doubles(inputs), [name]: x.map((v, i) => v + sign * step * direction[i]!) })
    const difference = (moved(1) - moved(-1)) / (2 * step)
    const along = gradient.reduce((sum, g, i) => sum + g * direction[i]!, 0)
    expect(
      Math.abs(along - difference) / Math.max(scale, 1e-12),
      `d(${name}) ${what}: ${along}, differences give ${difference}`,
    ).toBeLessThanOrEqual(tolerance)
  }
  for (let i = 0; i < DIRECTIONS; i++)
    check(
      x.map(() => (random.uniform(0, 1) < 0.5 ? -1 : 1)),
      norm,
      `along direction ${i}`,
    )
  const elements = [0, x.length - 1, ...Array.from({ length: ELEMENTS }, () => random.integer(x.length))]
  for (const element of elements)
    check(
      x.map((_, i) => (i === element ? 1 : 0)),
      largest,
      `at ${element}`,
    )
}

import { describe, expect, test } from 'vitest'
import type { Case, CaseInput, Random } from '../case.ts'
import { cases } from '../cases/index.ts'
import { doubles, gradients, testDevice, variantsOf } from '../harness.ts'
import { normals, randomOf, relativeError } from '../numbers.ts'

const at = await testDevice()

/** Step of the central differences as a share of an input's largest magnitude; the reference is float64. */
const STEP = 1e-6
const DIRECTIONS = 2
const ELEMENTS = 4

for (const operation of cases.filter(({ rows, inputs }) => wantsGradient(rows, inputs))) {
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

function wantsGradient(rows: readonly object[], inputs: Case<object>['inputs']): boolean {
  return rows.length > 0 && Object.values(inputs(rows[0]!, randomOf(''))).some(({ gradient }) => gradient)
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

  const before = Object.fromEntries(
    Object.entries(found).map(([name, d]) => [name, normals(random, d.length, 0, largestOf(d))]),
  )
  const added = await gradients(at, operation, row, inputs, cotangent, { onto: before })
  for (const [name, gradient] of Object.entries(added)) {
    const sum = gradient.map((_, i) => found[name]![i]! + before[name]![i]!)
    expect(relativeError(gradient, sum), `d(${name}) added to what was there`).toBeLessThanOrEqual(1e-6)
  }
  for (const variant of variantsOf(at, operation, row, random)) {
    const other = await gradients(at, operation, row, inputs, cotangent, { onto: before, variant })
    const allowed = operation.tolerances?.[variant] ?? tolerance
    for (const [name, gradient] of Object.entries(other))
      expect(relativeError(gradient, added[name]!), `d(${name}) as ${variant}`).toBeLessThanOrEqual(allowed)
  }
}

function largestOf(values: ArrayLike<number>): number {
  return Array.from(values).reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)
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

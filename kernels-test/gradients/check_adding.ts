import { expect } from 'vitest'
import type { Case, CaseInput, Random } from '../case.ts'
import { gradients, type TestDevice } from '../harness.ts'
import { normals, randomOf, relativeError } from '../numbers.ts'

interface Found {
  inputs: Record<string, CaseInput>
  cotangent: Float32Array
  /** the gradients as the rules choose the kernels, written into fresh memory */
  found: Record<string, Float32Array>
}

export function wantsGradient({ rows, inputs }: Case): boolean {
  return rows.length > 0 && Object.values(inputs(rows[0]!, randomOf(''))).some(({ gradient }) => gradient)
}

export function largestOf(values: ArrayLike<number>): number {
  return Array.from(values).reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)
}

/** Gradients add to what is there, and every variant gives what the rules' choice gives. */
export async function checkAdding(
  at: TestDevice,
  operation: Case,
  row: object,
  { inputs, cotangent, found }: Found,
  variants: readonly string[],
  random: Random,
): Promise<void> {
  const onto = Object.fromEntries(
    Object.entries(found).map(([name, d]) => [name, normals(random, d.length, 0, largestOf(d))]),
  )
  const added = await gradients(at, operation, row, inputs, cotangent, { onto })
  for (const [name, gradient] of Object.entries(added)) {
    const sum = gradient.map((_, i) => found[name]![i]! + onto[name]![i]!)
    expect(relativeError(gradient, sum), `d(${name}) added to what was there`).toBeLessThanOrEqual(1e-6)
  }
  for (const variant of variants) {
    const other = await gradients(at, operation, row, inputs, cotangent, { onto, variant })
    const allowed = operation.tolerances?.[variant] ?? operation.gradientTolerance ?? 1e-4
    for (const [name, gradient] of Object.entries(other))
      expect(relativeError(gradient, added[name]!), `d(${name}) as ${variant}`).toBeLessThanOrEqual(allowed)
  }
}

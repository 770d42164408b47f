import { expect } from 'vitest'
import type { Case } from '../case.ts'
import { doubles, forward, type TestDevice } from '../harness.ts'
import { randomOf, relativeError } from '../numbers.ts'

/** Holds a row's outputs to the reference, its kernels run as each of the variants; undefined: as the rules choose. */
export async function checkForward(
  at: TestDevice,
  operation: Case,
  row: object,
  variants: readonly (string | undefined)[],
): Promise<void> {
  const inputs = operation.inputs(row, randomOf(`${operation.operation} ${JSON.stringify(row)}`))
  const expected = operation.reference(doubles(inputs), row)
  for (const variant of variants) {
    const actual = await forward(at, operation, row, inputs, variant)
    for (const [output, values] of Object.entries(expected))
      expect(relativeError(actual[output]!, values), `${output} ${variant ?? ''}`).toBeLessThanOrEqual(
        operation.tolerances?.[variant ?? ''] ?? operation.tolerance ?? 1e-5,
      )
  }
}

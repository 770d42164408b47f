import { afterAll, describe, expect, test } from 'vitest'
import { cases } from '../cases/index.ts'
import { doubles, forward, testDevice, variantsOf } from '../harness.ts'
import { randomOf, relativeError } from '../numbers.ts'

const at = await testDevice()
const skipped: string[] = []
let rows = 0

for (const operation of cases) {
  describe(operation.operation, () => {
    for (const row of operation.rows) {
      const name = `${operation.operation} ${JSON.stringify(row)}`
      test(name, async context => {
        const reason = operation.skip?.(row, at.device.facts)
        if (reason) {
          skipped.push(`${name}: ${reason}`)
          context.skip(reason)
        }
        rows++
        const inputs = operation.inputs(row, randomOf(name))
        const expected = operation.reference(doubles(inputs), row)
        for (const variant of [undefined, ...variantsOf(at, operation, row, randomOf(name))]) {
          const actual = await forward(at, operation, row, inputs, variant)
          for (const [output, values] of Object.entries(expected))
            expect(relativeError(actual[output]!, values), `${output} ${variant ?? ''}`).toBeLessThanOrEqual(
              operation.tolerances?.[variant ?? ''] ?? operation.tolerance ?? 1e-5,
            )
        }
      })
    }
  })
}

afterAll(() => {
  console.log(
    `${rows} kernel rows on ${at.device.name}, ${skipped.length} skipped`,
    ...skipped.map(line => `\n  ${line}`),
  )
})

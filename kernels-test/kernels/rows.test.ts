import { afterAll, describe, expect, test } from 'vitest'
import { cases } from '../cases/index.ts'
import { forward, testDevice } from '../harness.ts'
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
        const { actual, expected } = await forward(at, operation, row, operation.inputs(row, randomOf(name)))
        for (const [output, values] of Object.entries(expected))
          expect(relativeError(actual[output]!, values), output).toBeLessThanOrEqual(operation.tolerance ?? 1e-5)
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

import { afterAll, describe, test } from 'vitest'
import { cases } from '../cases/index.ts'
import { newVariantsOf, testDevice } from '../harness.ts'
import { randomOf } from '../numbers.ts'
import { checkForward } from './check_forward.ts'

const at = await testDevice()
const skipped: string[] = []
let rows = 0

/** Every row as it runs here, and every variant on one row; variants.test.ts has every variant on every row. */
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
        await checkForward(at, operation, row, [undefined, ...newVariantsOf(at, operation, row, randomOf(name))])
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

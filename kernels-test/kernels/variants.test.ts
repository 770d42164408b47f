// full: every variant of every row
import { describe, test } from 'vitest'
import { cases } from '../cases/index.ts'
import { testDevice, variantsOf } from '../harness.ts'
import { randomOf } from '../numbers.ts'
import { checkForward } from './check_forward.ts'

const at = await testDevice()

for (const operation of cases) {
  const variants = (row: object): string[] => variantsOf(at, operation, row, randomOf(''))
  const rows = operation.rows.filter(row => !operation.skip?.(row, at.device.facts) && variants(row).length > 0)
  describe.runIf(rows.length > 0)(operation.operation, () => {
    for (const row of rows)
      test(`every variant of ${JSON.stringify(row)}`, () => checkForward(at, operation, row, variants(row)))
  })
}

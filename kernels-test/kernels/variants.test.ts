// full: every variant of every row
import { describe, test } from 'vitest'
import { cases } from '../cases/index.ts'
import { testDevice, variantsOf } from '../harness.ts'
import { randomOf } from '../numbers.ts'
import { checkForward } from './check_forward.ts'

const at = await testDevice()

for (const operation of cases) {
  const variants = (row: object): string[] => variantsOf(at, operation, row, randomOf(''))
  const runnable = operation.rows.filter(row => !operation.skip?.(row, at.device.facts))
  describe(operation.operation, () => {
    for (const row of runnable.filter(row => variants(row).length > 0))
      test(`every variant of ${JSON.stringify(row)}`, () => checkForward(at, operation, row, variants(row)))
  })
}

// full: every variant of every row
import { describe, test } from 'vitest'
import type { Case } from '../case.ts'
import { cases } from '../cases/index.ts'
import { doubles, gradients, testDevice, variantsOf } from '../harness.ts'
import { normals, randomOf } from '../numbers.ts'
import { checkAdding, wantsGradient } from './check_adding.ts'

const at = await testDevice()

for (const operation of cases.filter(wantsGradient)) {
  const variants = (row: object): string[] => variantsOf(at, operation, row, randomOf(''))
  const rows = operation.rows.filter(row => !operation.skip?.(row, at.device.facts) && variants(row).length > 0)
  describe.runIf(rows.length > 0)(`d(${operation.operation})`, () => {
    for (const row of rows)
      test(`every variant of ${JSON.stringify(row)}`, () => checkVariants(operation, row, variants(row)))
  })
}

async function checkVariants(operation: Case, row: object, variants: readonly string[]): Promise<void> {
  const random = randomOf(`gradient variants ${operation.operation} ${JSON.stringify(row)}`)
  const inputs = operation.inputs(row, random)
  const expected = operation.reference(doubles(inputs), row)
  const cotangent = normals(random, expected[operation.differentiates ?? Object.keys(expected)[0]!]!.length)
  const found = await gradients(at, operation, row, inputs, cotangent)
  await checkAdding(at, operation, row, { inputs, cotangent, found }, variants, random)
}

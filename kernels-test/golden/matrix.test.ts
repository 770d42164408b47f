import { describe, test } from 'vitest'
import type { AdapterFacts } from '../../src/graph/kernel.ts'
import { familyOf } from '../../src/ops/conv3d/matrix_layout.ts'
import { goldenPaths, openGolden } from './golden_file.ts'
import { at, rounded, runGolden } from './run_golden.ts'

const facts: AdapterFacts = { ...at.device.facts, precision: 'f16' }

for (const path of goldenPaths) {
  const golden = await openGolden(path)
  describe(`golden ${golden.name}`, () => {
    // the others multiply f16's rounding by a thousand: nothing is left to compare
    test.runIf(golden.smooth && familyOf(facts))('with convolutions on subgroup matrices', () =>
      runGolden(rounded(golden), facts, 'matrix'),
    )
  })
}

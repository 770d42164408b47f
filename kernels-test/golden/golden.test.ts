import { describe, test } from 'vitest'
import { goldenPaths, missingGoldens, NO_GOLDENS, openGolden } from './golden_file.ts'
import { at, rounded, runGolden } from './run_golden.ts'

const MEBIBYTE = 2 ** 20

for (const path of goldenPaths) {
  const golden = await openGolden(path)
  describe(`golden ${golden.name}`, () => {
    test('as the adapter is', () => runGolden(golden, at.device.facts))
    test('with a binding limit of 1 MiB', () => runGolden(golden, { ...at.device.facts, maxBindingBytes: MEBIBYTE }))
    // the others multiply float32's rounding by a million and f16's by a thousand: nothing is left to compare
    test.runIf(golden.smooth && at.device.facts.features.has('shader-f16'))('with activations stored as f16', () =>
      runGolden(rounded(golden), { ...at.device.facts, precision: 'f16' }),
    )
  })
}

test.for(missingGoldens)('golden %s', (_, ctx) => ctx.skip(NO_GOLDENS))

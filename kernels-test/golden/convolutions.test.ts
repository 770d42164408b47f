// full: every convolution variant on every golden
import { describe, test } from 'vitest'
import { goldenPaths, openGolden } from './golden_file.ts'
import { at, runGolden } from './run_golden.ts'

/** The ways to run a convolution that the float64 reference holds to float32's rounding. */
const CONVOLUTIONS = ['direct', 'winograd2', 'winograd4', 'gemm', 'gemm4']

for (const path of goldenPaths) {
  const golden = await openGolden(path)
  describe(`golden ${golden.name}`, () => {
    for (const variant of CONVOLUTIONS)
      test(`convolutions as ${variant} wherever it fits`, () => runGolden(golden, at.device.facts, variant))
  })
}

import { expect, test } from 'vitest'
import { type AdapterFacts, GUARANTEED_FACTS } from '../../src/graph/kernel.ts'
import { Tape } from '../../src/graph/tape.ts'
import { tensor } from '../../src/graph/tensor.ts'
import { conv3d } from '../../src/ops/conv3d/conv3d.ts'
import { chooseVariant, lower } from '../../src/plan/lower.ts'
import { linkShader } from '../../src/wgsl/link.ts'

const tape = new Tape()
const weight = tensor('w', [64, 64, 3, 3, 3], 'parameter')
conv3d(tape, tensor('x', [1, 64, 16, 16, 16], 'input'), weight, tensor('b', [64], 'parameter'))
const call = tape.calls[0]!

const withSubgroups = (min: number, max: number, ...features: string[]): AdapterFacts => {
  return { ...GUARANTEED_FACTS, subgroupSizes: { min, max }, features: new Set(features) }
}

test.each([
  ['NVIDIA', 32, 32, 'gemm'],
  ['RDNA', 32, 64, 'gemm'],
  ['GCN and CDNA', 64, 64, 'gemm4'],
  ['Intel', 8, 32, 'gemm4'],
  ['an unknown GPU', 4, 128, 'gemm4'],
])('the sums of an invocation fit the registers of %s', (_, min, max, variant) => {
  expect(chooseVariant(call, withSubgroups(min, max)).name).toBe(variant)
})

test('the narrowest subgroups are demanded where there are several sizes below 32 and the shader may', () => {
  const demands = (facts: AdapterFacts): string[] => {
    const keys = lower([call], facts).map(({ key }) => linkShader(key.shader, key))
    return keys.flatMap(text => text.match(/enable subgroup_size_control;|@subgroup_size\(\d+\)/g) ?? [])
  }
  expect(new Set(demands(withSubgroups(8, 32, 'subgroup-size-control')))).toEqual(
    new Set(['enable subgroup_size_control;', '@subgroup_size(8)']),
  )
  expect(demands(withSubgroups(8, 32))).toEqual([])
  expect(demands(withSubgroups(32, 64, 'subgroup-size-control'))).toEqual([])
  expect(demands(withSubgroups(16, 16, 'subgroup-size-control'))).toEqual([])
})

import { expect, test } from 'vitest'
import type { FamilyReport } from '../../scripts/gpus/amd.ts'
import type { Compiled } from '../../scripts/gpus/compile.ts'
import { faultsOf, losses, occupancyOf } from '../../scripts/gpus/occupancy.ts'
import { occupancyTable } from '../../scripts/gpus/table.ts'

function compiled(name: string, waves: number, more: Partial<Compiled> = {}, scratch = 0): Compiled {
  const statistics = { VGPRs: 84, 'Spilled VGPRs': 0, 'Scratch size': scratch, 'Subgroups per SIMD': waves }
  return { name, kind: name.split(':')[0]!, isChosen: true, statistics, ...more }
}

const report: FamilyReport = {
  family: 'navi31',
  kernels: [compiled('cast:a', 16), compiled('cast:b', 12), compiled('conv3d/tiled:main', 4, { isChosen: false }, 512)],
}
const found = occupancyOf([report])

test('the fewest waves of the forms of a kernel that the rules choose count', () => {
  expect(found).toEqual({ families: ['navi31'], waves: { cast: [12] } })
  expect(occupancyTable([report])).toContain('cast               84 / 12')
})

test('no kernel may be refused, and none that the rules choose may spill', () => {
  expect(faultsOf(report)).toEqual([])
  const refused: Compiled = { name: 'pack:main', kind: 'pack', isChosen: false, refusal: 'no pipeline' }
  expect(faultsOf({ family: 'vega10', kernels: [compiled('cast:a', 16, {}, 512), refused] })).toEqual([
    'vega10 spills 0 registers and takes 512 bytes of scratch memory in cast:a',
    'vega10 refuses pack:main: no pipeline',
  ])
})

test('fewer waves than recorded are a fault, more are not; neither is a kernel that one of them lacks allowed', () => {
  const recorded = (waves: Record<string, number[]>) => losses(found, { families: ['navi31'], waves })
  expect(recorded({ cast: [12] })).toEqual([])
  expect(recorded({ cast: [10] })).toEqual([])
  expect(recorded({ cast: [14] })).toEqual(['navi31: waves of cast: 12, recorded 14'])
  expect(recorded({})).toEqual(['navi31: waves of cast: 12, recorded none'])
  expect(recorded({ cast: [12], linear: [8] })).toEqual(['navi31: waves of linear: none, recorded 8'])
})

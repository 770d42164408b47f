import { describe, expect, test } from 'vitest'
import { type AdapterFacts, GUARANTEED_FACTS } from '../../src/graph/kernel.ts'
import { Tape } from '../../src/graph/tape.ts'
import { tensor } from '../../src/graph/tensor.ts'
import { conv3d } from '../../src/ops/conv3d/conv3d.ts'
import {
  type BrickLayout,
  brickLayout,
  type Family,
  familyOf,
  matrixShader,
} from '../../src/ops/conv3d/matrix_layout.ts'
import { chooseVariant } from '../../src/plan/lower.ts'
import { candidatesOf } from '../../src/tune/kernel_text.ts'
import { type Volume, volumeOf } from '../../src/util/shape.ts'
import { linkShader } from '../../src/wgsl/link.ts'
import { testDevice } from '../harness.ts'

const at = await testDevice()

const shape = { componentType: 'f16', resultComponentType: 'f32', M: 16, N: 16, K: 16 }
const gpu: AdapterFacts = {
  ...GUARANTEED_FACTS,
  maxWorkgroupMemory: 48 * 2 ** 10,
  features: new Set(['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix']),
  subgroupSizes: { min: 32, max: 32 },
  subgroupMatrices: [{ ...shape, K: 8 }, shape],
}
const lavapipe: AdapterFacts = {
  ...gpu,
  subgroupSizes: { min: 8, max: 8 },
  subgroupMatrices: [{ ...shape, M: 8, N: 8, K: 8 }],
}

describe('subgroup matrices are multiplied', () => {
  test('where the adapter has their shape, features, size of subgroup and the memory', () => {
    expect(familyOf(gpu)?.size).toBe(16)
    expect(familyOf(lavapipe)?.size).toBe(8)
  })

  test.each<[string, Partial<AdapterFacts>]>([
    ['no feature', { features: new Set(['shader-f16', 'subgroups']) }],
    ['no shape', { subgroupMatrices: [] }],
    ['no f32 sums', { subgroupMatrices: [{ ...shape, resultComponentType: 'f16' }] }],
    ['subgroups of unknown size', { subgroupSizes: { min: 16, max: 32 } }],
    ['little memory', { maxWorkgroupMemory: 32 * 2 ** 10 }],
  ])('but not with %s', (_, facts) => {
    expect(familyOf({ ...gpu, ...facts })).toBeUndefined()
  })

  test('in subgroups of 32 among others where the shader may demand them', () => {
    const features = new Set([...gpu.features, 'subgroup-size-control'])
    const amd = familyOf({ ...gpu, features, subgroupSizes: { min: 32, max: 64 } })
    expect(amd).toMatchObject({ size: 16, subgroup: 32, isDemanded: true })
    expect(linkShader(matrixShader('conv3d/matrix', amd!, amd!.convolve))).toMatch(
      /^enable subgroup_size_control;$[\s\S]*@subgroup_size\(32\)/m,
    )
    const fixed = familyOf(gpu)!
    expect(linkShader(matrixShader('conv3d/matrix', fixed, fixed.convolve))).not.toContain('subgroup_size_control')
    expect(familyOf({ ...gpu, subgroupMatrices: [{ ...shape, M: 8, N: 8, K: 8 }] })).toMatchObject({
      size: 8,
      subgroup: 32,
    })
  })

  test('only where f16 was asked for', () => {
    const tape = new Tape()
    const weight = tensor('w', [64, 64, 3, 3, 3], 'parameter')
    conv3d(tape, tensor('x', [1, 64, 8, 8, 8], 'input'), weight, tensor('b', [64], 'parameter'))
    const chosen = (facts: AdapterFacts): string => chooseVariant(tape.calls[0]!, facts).name
    expect(chosen({ ...gpu, precision: 'f16' })).toBe('matrix')
    expect(chosen(gpu)).toBe(chosen({ ...gpu, subgroupMatrices: [] }))
    expect(chosen({ ...gpu, precision: 'f16', software: true })).not.toBe('matrix')
  })

  test('and are no candidates of the autotuner elsewhere, forward and backward', () => {
    const tape = new Tape()
    const [x, weight] = [tensor('x', [1, 64, 8, 8, 8], 'input'), tensor('w', [64, 64, 3, 3, 3], 'parameter')]
    tape.watch(x, tensor('d(x)', x.shape, 'temporary'))
    tape.watch(weight, tensor('d(w)', weight.shape, 'gradient'))
    const y = conv3d(tape, x, weight, tensor('b', [64], 'parameter'))
    tape.differentiate(y, tensor('d(y)', y.shape, 'input'))
    const asMatrices = (facts: AdapterFacts): string[] =>
      tape.calls
        .filter(call => candidatesOf(call, facts).some(({ name }) => name === 'matrix'))
        .map(({ kernel }) => kernel.name)
    expect(asMatrices(gpu)).toEqual([])
    expect(asMatrices({ ...gpu, precision: 'f16' })).toEqual([
      'conv3d.forward',
      'conv3d.backwardData',
      'conv3d.backwardWeight',
    ])
  })
})

/** What the shaders make of a layout: the voxel that an element of a run is, and where its neighbours lie. */
function coordinates(layout: BrickLayout, run: number, element: number): number[] {
  const row = (run % layout.runs) * layout.run_step + element
  return [Math.floor(run / layout.runs), Math.floor(row / layout.pitch), row % layout.pitch]
}

/** The voxel, from the tile's first one, that a position of the brick holds; what lies outside a volume as deep as the tile is zero. */
function held(layout: BrickLayout, position: number, halo: number, planes: number): number[] {
  const row = position % layout.plane
  const place = [Math.floor(position / layout.plane), Math.floor(row / layout.pitch), row % layout.pitch]
  return [place[0]! - planes / 2, place[1]! - halo / 2, place[2]! - halo / 2]
}

const shadersOf = (family: Family): string[] => [
  matrixShader('conv3d/matrix', family, family.convolve),
  matrixShader('conv3d/matrix_backward_weight', family, family.correlate),
]

const families = [familyOf(gpu)!, familyOf(lavapipe)!]
const passes = families.flatMap(family => {
  const { size, convolve, correlate } = family
  const [forward, backward] = shadersOf(family)
  return [
    { run: size, shader: forward!, runs: 16, planes: 2, ...convolve },
    { run: size, shader: backward!, runs: 8, planes: 0, ...correlate },
  ]
})

describe.each(passes)('a tile of $shader', ({ run, shader, runs, planes, positions }) => {
  test('has the room in workgroup memory that its layout counts on', () => {
    expect(linkShader(shader)).toContain(`const POSITIONS = ${positions}u;`)
  })

  const volumes = [
    [64, 64, 32],
    [32, 32, 16],
    [16, 16, 8],
    [8, 8, 4],
    [4, 4, 2],
    [1, 1, 1],
    [5, 3, 17],
    [2, 40, 9],
  ]
  test.each(volumes)('of %i×%i×%i has every voxel once and its neighbours where they are looked for', (...axes) => {
    const volume: Volume = volumeOf([1, 1, ...axes], 'test')
    const layout = brickLayout(volume, { run, runs, positions, halo: 2, planes })!
    expect(layout.tile.map((axis, i) => axis * layout.tiles[i]!).every((covered, i) => covered >= axes[i]!)).toBe(true)
    const seen = new Set<string>()
    for (let r = 0; r < layout.tile[0] * layout.runs; r++)
      for (let element = 0; element < run; element++) {
        const voxel = coordinates(layout, r, element)
        if (voxel.some((axis, i) => axis >= layout.tile[i]!)) continue
        expect(seen.has(voxel.join())).toBe(false)
        seen.add(voxel.join())
        const start = voxel[0]! * layout.plane + (r % layout.runs) * layout.run_step + element
        for (const [h, w, d] of [
          [0, 0, 0],
          [planes, 2, 2],
          [planes / 2, 1, 0],
          [0, 1, 2],
        ]) {
          const position = start + h! * layout.plane + w! * layout.pitch + d!
          expect(position).toBeLessThan(positions)
          const found = held(layout, position, 2, planes)
          const wanted = [voxel[0]! + h! - planes / 2, voxel[1]! + w! - 1, voxel[2]! + d! - 1]
          // behind the last voxel of a row as deep as the volume lies the zero in front of the next
          if (wanted[2] === layout.pitch - 1) expect(found[2]).toBe(-1)
          else expect(found).toEqual(wanted)
        }
      }
    expect(seen.size).toBe(layout.tile[0] * layout.tile[1] * layout.tile[2])
  })
})

test.skipIf(!familyOf(at.device.facts))('the shaders for shapes that this adapter lacks are valid WGSL', async () => {
  for (const name of shadersOf(familyOf(gpu)!))
    for (const activation of ['f32', 'f16'] as const) {
      const module = at.device.gpu.createShaderModule({ code: linkShader(name, { activation }) })
      expect((await module.getCompilationInfo()).messages.map(({ message }) => message)).toEqual([])
    }
})

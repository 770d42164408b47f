import type { AdapterFacts, Dispatch, Lowering, Variant } from '../../graph/kernel.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { volumeOf } from '../../util/shape.ts'
import {
  type BrickLayout,
  bindSources,
  brickLayout,
  type Family,
  familyOf,
  isWorthRounding,
  layoutParams,
  matrixShader,
  SUBGROUPS,
  samplesTogether,
} from './matrix_layout.ts'
import type { Pass } from './pass.ts'
import { bindingElements, channelWindow, type Range, ranges, rowOf, tiledWorkgroups, weightWindow } from './ranges.ts'

/** Runs of voxels per workgroup. */
const RUNS = 16

/** How the subgroups of a workgroup divide its outputs. */
interface Arrangement {
  /** subgroups along output channels */
  COLUMNS: number
  /** matrices per subgroup along voxels and along output channels */
  TILE_ROWS: number
  TILE_COLUMNS: number
}

function arrangementOf(matrices: number): Arrangement {
  const COLUMNS = matrices > 2 ? 2 : 1
  return { COLUMNS, TILE_ROWS: (RUNS * COLUMNS) / SUBGROUPS, TILE_COLUMNS: matrices > 1 ? 2 : 1 }
}

interface Tiling {
  family: Family
  layout: BrickLayout
  samples: number
  inputs: number
  outputs: number
  /** workgroups along output channels */
  panels: number
  arrangement: Arrangement
  /** matrices of packed weights along input channels, taps and output channels */
  matrices: readonly [number, number, number]
}

function tilingOf(pass: Pass, facts: AdapterFacts): Tiling | undefined {
  const family = familyOf(facts)
  if (!family || pass.stride !== 1) return undefined
  const { size, convolve } = family
  const kernel = pass.weight.shape[2] as number
  const halo = kernel - 1
  const volume = volumeOf(pass.target.shape, pass.target.name)
  const layout = brickLayout(volume, { run: size, runs: RUNS, positions: convolve.positions, halo, planes: halo })
  if (!layout) return undefined
  const inputs = pass.sources.reduce((sum, { shape }) => sum + (shape[1] as number), 0)
  const arrangement = arrangementOf(Math.ceil(volume.channels / size))
  const perPanel = arrangement.COLUMNS * arrangement.TILE_COLUMNS
  const panels = Math.ceil(volume.channels / (perPanel * size))
  return {
    family,
    layout,
    samples: samplesTogether([...pass.sources, pass.target], facts),
    inputs,
    outputs: volume.channels,
    panels,
    arrangement,
    matrices: [Math.ceil(inputs / size), kernel ** 3, panels * perPanel],
  }
}

/** Elements of packed weights. */
function packedElements({ matrices, family }: Tiling): number {
  return matrices[0] * matrices[1] * matrices[2] * family.size ** 2
}

function fits(pass: Pass, facts: AdapterFacts): boolean {
  const tiling = tilingOf(pass, facts)
  const limit = bindingElements(facts)
  const weights = (pass.weight.shape[0] as number) * rowOf(pass.weight)
  return tiling !== undefined && tiling.samples > 0 && weights <= limit && packedElements(tiling) / 2 <= limit
}

function pack(pass: Pass, tiling: Tiling, packed: Tensor): Dispatch {
  const forward = pass.direction === 'forward'
  const [, taps, matrices] = tiling.matrices
  const { window, base } = weightWindow(pass.weight, { start: 0, count: pass.weight.shape[0] as number })
  return {
    shader: 'conv3d/matrix_pack',
    constants: { FLIP: forward ? 0 : 1 },
    bindings: { weight: window, packed },
    params: {
      rows: tiling.outputs,
      columns: tiling.inputs,
      taps,
      width: tiling.family.size,
      depth: tiling.family.size,
      matrices,
      elements: packedElements(tiling),
      base: base + (pass.first ?? 0) * taps,
      row_stride: forward ? rowOf(pass.weight) : taps,
      column_stride: forward ? taps : rowOf(pass.weight),
    },
    invocations: packedElements(tiling),
  }
}

function convolve(pass: Pass, tiling: Tiling, samples: Range, packed: Tensor, at: Lowering): Dispatch {
  const { layout, arrangement } = tiling
  const volume = volumeOf(pass.target.shape, pass.target.name)
  const y = channelWindow(pass.target, samples, { start: 0, count: tiling.outputs })
  const sources = bindSources(pass.sources, samples, at)
  const place = layoutParams(volume, layout, samples.count)
  return {
    shader: matrixShader('conv3d/matrix', tiling.family, tiling.family.convolve),
    entry: pass.bias ? 'forward' : 'backward',
    constants: {
      ...sources.constants,
      ...arrangement,
      SIZE: pass.weight.shape[2] as number,
      ACCUMULATE: pass.accumulate ? 1 : 0,
    },
    normalisation: sources.normalisation,
    bindings: { ...sources.bindings, packed, y: y.window, ...(pass.bias ? { bias: pass.bias } : {}) },
    params: { ...sources.params, ...place, outputs: tiling.outputs, y_channels: tiling.outputs, y_base: y.base },
    workgroups: tiledWorkgroups(place.all_tiles, 1, tiling.panels),
    flops: 2 * samples.count * tiling.inputs * tiling.outputs * tiling.matrices[1] * volume.voxels,
  }
}

function lower(pass: Pass, at: Lowering): Dispatch[] {
  const tiling = tilingOf(pass, at.facts) as Tiling
  const packed = at.scratch('packed', [packedElements(tiling)], 'f16')
  const all = pass.target.shape[0] as number
  return [
    pack(pass, tiling, packed),
    ...ranges(all, tiling.samples).map(samples => convolve(pass, tiling, samples, packed, at)),
  ]
}

/** Subgroup matrices (tensor cores): f16 inputs, f32 sums. Activations and weights are rounded to 11 bits. */
export const matrix: Variant<Pass> = {
  name: 'matrix',
  roundsInputs: true,
  fits,
  suits: ({ weight }, facts) => isWorthRounding(weight, facts),
  lower,
}

import type { AdapterFacts, Dispatch, Lowering, Variant } from '../../graph/kernel.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { volumeOf } from '../../util/shape.ts'
import { chunking, sumPartials } from './chunks.ts'
import {
  type BrickLayout,
  bindSources,
  brickLayout,
  type Family,
  familyOf,
  isWorthRounding,
  layoutParams,
  matrixShader,
  samplesTogether,
} from './matrix_layout.ts'
import type { BackwardWeightArgs } from './pass.ts'
import { bindingElements, channelWindow, type Range, ranges, rowOf, weightWindow } from './ranges.ts'

/** Runs of voxels per tile. */
const RUNS = 8

/** The most matrices of channels that a workgroup takes; the actual number is a power of two. */
const LARGEST = { rows: 4, columns: 2 }

interface Tiling {
  family: Family
  layout: BrickLayout
  samples: number
  /** matrices per workgroup along output and input channels */
  arrangement: { ROWS: number; COLUMNS: number }
  /** workgroups per chunk: planes of taps × columns, rows */
  grid: readonly [number, number]
  chunks: number
}

function powerOfTwo(count: number, largest: number): number {
  return Math.min(largest, 2 ** Math.ceil(Math.log2(count)))
}

function tilingOf({ sources, dy, gradient, stride }: BackwardWeightArgs, facts: AdapterFacts): Tiling | undefined {
  const family = familyOf(facts)
  if (!family || stride !== 1) return undefined
  const { size, correlate } = family
  const [outputs, inputs, kernel] = gradient.shape as [number, number, number]
  const volume = volumeOf(dy.shape, dy.name)
  const need = { run: size, runs: RUNS, positions: correlate.positions, halo: kernel - 1, planes: 0 }
  const layout = brickLayout(volume, need)
  const samples = samplesTogether([...sources, dy], facts)
  const limit = bindingElements(facts)
  const partials = outputs * rowOf(gradient)
  if (!layout || samples < 1 || partials > limit) return undefined
  const [rows, columns] = [Math.ceil(outputs / size), Math.ceil(inputs / size)]
  const arrangement = { ROWS: powerOfTwo(rows, LARGEST.rows), COLUMNS: powerOfTwo(columns, LARGEST.columns) }
  const grid = [kernel * Math.ceil(columns / arrangement.COLUMNS), Math.ceil(rows / arrangement.ROWS)] as const
  const tiles = samples * layout.tiles[0] * layout.tiles[1] * layout.tiles[2]
  const { chunks } = chunking({ positions: tiles, lanes: 1, groups: grid[0] * grid[1], partials, budget: limit })
  return { family, layout, samples, arrangement, grid, chunks }
}

function correlate(
  { sources, dy, gradient }: BackwardWeightArgs,
  tiling: Tiling,
  samples: Range,
  partials: Tensor,
  at: Lowering,
): Dispatch {
  const [outputs, inputs, kernel] = gradient.shape as [number, number, number]
  const volume = volumeOf(dy.shape, dy.name)
  const slopes = channelWindow(dy, samples, { start: 0, count: outputs })
  const bound = bindSources(sources, samples, at)
  return {
    shader: matrixShader('conv3d/matrix_backward_weight', tiling.family, tiling.family.correlate),
    constants: { ...bound.constants, ...tiling.arrangement, SIZE: kernel },
    normalisation: bound.normalisation,
    bindings: { ...bound.bindings, dy: slopes.window, gradient: partials },
    params: {
      ...bound.params,
      ...layoutParams(volume, tiling.layout, samples.count),
      outputs,
      y_channels: outputs,
      y_base: slopes.base,
    },
    workgroups: [...tiling.grid, tiling.chunks],
    flops: 2 * samples.count * outputs * inputs * kernel ** 3 * volume.voxels,
  }
}

function lower(args: BackwardWeightArgs, at: Lowering): Dispatch[] {
  const tiling = tilingOf(args, at.facts) as Tiling
  const { gradient, dy, accumulate } = args
  const outputs = gradient.shape[0] as number
  const row = rowOf(gradient)
  const partials = at.scratch('partials', [tiling.chunks, outputs, row])
  const { window, base } = weightWindow(gradient, { start: 0, count: outputs })
  return ranges(dy.shape[0] as number, tiling.samples).flatMap(samples => [
    correlate(args, tiling, samples, partials, at),
    sumPartials(partials, window, accumulate || samples.start > 0, {
      chunks: tiling.chunks,
      rows: outputs,
      columns: row,
      base,
      row_stride: row,
    }),
  ])
}

/** Subgroup matrices: f16 inputs, f32 partial sums of fixed chunks of tiles, then the chunks in order. */
export const matrixWeight: Variant<BackwardWeightArgs> = {
  name: 'matrix',
  roundsInputs: true,
  fits: (args, facts) => tilingOf(args, facts) !== undefined,
  suits: ({ gradient }, facts) => isWorthRounding(gradient, facts),
  lower,
}

import type { AdapterFacts, Dispatch, Lowering, Variant } from '../../graph/kernel.ts'
import { type Volume, volumeOf } from '../../util/shape.ts'
import { chunking, sumPartials } from './chunks.ts'
import { type Each, fitsGemm, partialsBudget, sourceSide, sourcesOf } from './gemm.ts'
import type { BackwardWeightArgs } from './pass.ts'
import { channelWindow, dispatchSizeOf, type Range, ranges, rowOf, type Slab, slabs, weightWindow } from './ranges.ts'
import { hasManyRegisters, inNarrowSubgroups } from './subgroups.ts'

/** Channels per workgroup of conv3d/gemm_backward_weight, by the outputs of an invocation. Overrides of the shader. */
const SHAPES = {
  8: [
    { EACH: 8, OUTPUTS: 64, INPUTS: 8 },
    { EACH: 4, OUTPUTS: 16, INPUTS: 16 },
    { EACH: 4, OUTPUTS: 16, INPUTS: 8 },
  ],
  4: [
    { EACH: 4, OUTPUTS: 32, INPUTS: 8 },
    { EACH: 4, OUTPUTS: 16, INPUTS: 16 },
  ],
} as const
/** The tile that a workgroup stages. Overrides of the shader. */
const TILE = { TILE_H: 2, TILE_W: 4, TILE_D: 4, CHANNEL: 51 }
type TileShape = ReturnType<typeof shapeFor>

/** Of the largest of these shapes. */
const WORKGROUP = { bytes: 16 * 1024, lanes: 192 }

/** The fewest tiles per chunk and the fewest chunks: with less, the second stage costs more than it gains. */
const LEAST_TILES = 8
const LEAST_CHUNKS = 4

/** The shape whose multiples cover these channels with the least padding; the first of several. */
function shapeFor(inputs: number, outputs: number, each: Each) {
  const covered = SHAPES[each].map(
    ({ INPUTS, OUTPUTS }) => Math.ceil(inputs / INPUTS) * INPUTS * Math.ceil(outputs / OUTPUTS) * OUTPUTS,
  )
  const shape = SHAPES[each][covered.indexOf(Math.min(...covered))] as (typeof SHAPES)[Each][number]
  return { ...TILE, ...shape, THREADS: (shape.INPUTS * 3 * shape.OUTPUTS) / shape.EACH }
}

function tilesOf({ height, width, depth }: Volume): number {
  return Math.ceil(height / TILE.TILE_H) * Math.ceil(width / TILE.TILE_W) * Math.ceil(depth / TILE.TILE_D)
}

/** The samples, input and output channels of one product. */
interface Step {
  args: BackwardWeightArgs
  slab: Slab
  samples: Range
  outputs: Range
  each: Each
}

/** Cuts the work to respect the binding limit. */
function stepsOf(args: BackwardWeightArgs, each: Each, facts: AdapterFacts): Step[] {
  const { sources, dy, gradient } = args
  const { samples, channels, voxels } = volumeOf(dy.shape, dy.name)
  const size = dispatchSizeOf(
    {
      operation: 'conv3d.backwardWeight',
      samples,
      inputs: sourceSide(sources),
      outputs: { channels, elements: voxels },
      row: { side: 'outputs', elements: rowOf(gradient) },
    },
    facts,
  )
  return ranges(samples, size.samples).flatMap(range =>
    slabs(sources, size.inputs, false).flatMap(slab =>
      ranges(channels, size.outputs).map(outputs => ({ args, slab, samples: range, outputs, each })),
    ),
  )
}

/** Cuts the tiles into chunks. A single chunk needs no second stage. */
function chunksOf({ args, slab, samples, outputs }: Step, shape: TileShape, facts: AdapterFacts) {
  const tiles = samples.count * tilesOf(volumeOf(args.dy.shape, args.dy.name))
  const blocks = [Math.ceil(slab.count / shape.INPUTS), Math.ceil(outputs.count / shape.OUTPUTS)] as const
  const cut = chunking({
    positions: tiles,
    lanes: LEAST_TILES,
    groups: blocks[0] * blocks[1],
    partials: outputs.count * slab.count * 27,
    budget: partialsBudget(facts),
  })
  const { chunk, chunks } = cut.chunks < LEAST_CHUNKS ? { chunk: tiles, chunks: 1 } : cut
  return { chunk, chunks, workgroups: [...blocks, chunks] as const }
}

function lowerStep(step: Step, at: Lowering): Dispatch[] {
  const { args, slab, samples, outputs, each } = step
  const { channels, voxels, height, width, depth } = volumeOf(args.dy.shape, args.dy.name)
  const shape = shapeFor(slab.count, outputs.count, each)
  const { chunk, chunks, workgroups } = chunksOf(step, shape, at.facts)
  const sources = sourcesOf(step, at)
  const dy = channelWindow(args.dy, samples, outputs)
  const gradient = weightWindow(args.gradient, outputs)
  const columns = slab.count * 27
  const base = gradient.base + slab.start * 27
  const adding = args.accumulate || samples.start > 0
  const alone = chunks === 1
  const partials = alone ? gradient.window : at.scratch('partials', [chunks, outputs.count, slab.count, 27])
  const place = alone
    ? { base, row_stride: rowOf(args.gradient), chunk_stride: 0 }
    : { base: 0, row_stride: columns, chunk_stride: outputs.count * columns }
  const product: Dispatch = {
    shader: inNarrowSubgroups('conv3d/gemm_backward_weight', at.facts),
    constants: { ...shape, ACCUMULATE: alone && adding ? 1 : 0 },
    normalisation: sources.normalisation,
    bindings: { ...sources.bindings, dy: dy.window, gradient: partials },
    params: {
      ...{ ...sources.params, ...place, samples: samples.count, outputs: outputs.count },
      ...{ height, width, depth, dy_base: dy.base, dy_channels: channels, chunk_tiles: chunk },
    },
    workgroups,
    flops: 2 * samples.count * outputs.count * columns * voxels,
  }
  if ('offset' in partials) return [product]
  const rows = { chunks, rows: outputs.count, columns, base, row_stride: rowOf(args.gradient) }
  return [product, sumPartials(partials, gradient.window, adding, rows)]
}

function variant(each: Each): Omit<Variant<BackwardWeightArgs>, 'suits'> {
  return {
    name: each === 8 ? 'gemm' : 'gemm4',
    fits: ({ gradient, stride, dy }, facts) =>
      fitsGemm({ weight: gradient, stride, activation: dy, workgroup: WORKGROUP }, facts),
    lower: (args, at) => stepsOf(args, each, at.facts).flatMap(step => lowerStep(step, at)),
  }
}

/** Implicit GEMM: partial sums of chunks of tiles, then a second stage that adds the chunks in order. */
export const gemmWeight: readonly [Variant<BackwardWeightArgs>, Variant<BackwardWeightArgs>] = [
  { ...variant(8), suits: (_, facts) => !facts.software && hasManyRegisters(facts) },
  { ...variant(4), suits: (_, facts) => !facts.software },
]

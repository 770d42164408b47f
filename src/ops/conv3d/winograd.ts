import type { AdapterFacts, Dispatch, Lowering, Variant } from '../../graph/kernel.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { volumeOf } from '../../util/shape.ts'
import { isTiled, type Pass } from './pass.ts'
import {
  bindingElements,
  channelWindow,
  fitting,
  type Range,
  ranges,
  rowOf,
  samplesAtOnce,
  sourceWindow,
  weightWindow,
} from './ranges.ts'
import {
  BLOCK_OUTPUTS,
  BLOCK_TILES,
  frequencyStride,
  multiply,
  occupancyOf,
  shaderOf,
  TILE_2,
  TILE_4,
  tilesOf,
  type WinogradTile,
} from './winograd_tile.ts'

/** Elements of V or M at a time: few enough to stay in a CPU's cache between the stages. */
const SLAB_BUDGET = 2 ** 20
/**
 * The smallest I · O / (I + O) at which the saved products (∝ I · O) pay for the transforms (∝ I + O), by tile edge
 * (docs/performance.md).
 */
const LEAST_RATIO = { 2: 8, 4: 2.5 }
/** The smallest share of the tiles' voxels that must lie inside the volume, by tile edge. */
const LEAST_OCCUPANCY = { 2: 0, 4: 0.6 }

/** Blocks of tiles that V and M hold at a time if the wider of them has `channels`. */
export function slabBlocks(
  channels: number,
  tiles: number,
  { frequencies }: WinogradTile,
  facts: AdapterFacts,
): number {
  const budget = Math.min(SLAB_BUDGET, bindingElements(facts)) / frequencies - frequencyStride(0, 0)
  const affordable = Math.floor(budget / (channels * BLOCK_TILES))
  return Math.min(Math.ceil(tiles / BLOCK_TILES), Math.max(1, affordable))
}

/** Some blocks of tiles of some samples. */
export interface TileSlab {
  samples: Range
  blocks: Range
}

/** Cuts all tiles of `t` into slabs of at most `blocks` blocks and `samples` samples. */
export function tileSlabs(t: Tensor, samples: number, blocks: number, tile: WinogradTile): TileSlab[] {
  return ranges(t.shape[0] as number, samples).flatMap(range =>
    ranges(Math.ceil((range.count * tilesOf(t, tile)) / BLOCK_TILES), blocks).map(slab => ({
      samples: range,
      blocks: slab,
    })),
  )
}

/** Params of the shaders that read or write an activation by tiles. */
function tileParams(t: Tensor, { samples, blocks }: TileSlab, tile: WinogradTile) {
  const { height, width, depth } = volumeOf(t.shape, t.name)
  return {
    height,
    width,
    depth,
    tiles: samples.count * tilesOf(t, tile),
    first_tile: blocks.start * BLOCK_TILES,
    blocks: blocks.count,
    block_tiles: BLOCK_TILES,
  }
}

/** Ranges of channels that fit a binding. */
function channelRanges(t: Tensor, facts: AdapterFacts): Range[] {
  const { channels, voxels } = volumeOf(t.shape, t.name)
  return ranges(channels, fitting(t.name, 'channel', voxels, bindingElements(facts)))
}

/** x → V (`patches`), or dy → dM (`tiles…`). */
interface InputTransform {
  entry: 'patches' | 'tiles' | 'tiles_by_channel'
  /** concatenated along channels */
  sources: readonly Tensor[]
  slab: TileSlab
  tile: WinogradTile
  v: Tensor
}

export function transformInput({ entry, sources, slab, tile, v }: InputTransform, at: Lowering): Dispatch[] {
  const total = sources.reduce((sum, { shape }) => sum + (shape[1] as number), 0)
  let first = 0
  return sources.flatMap(source => {
    const offset = first
    first += source.shape[1] as number
    return channelRanges(source, at.facts).map(channels => {
      const { window, params, normalisation } = sourceWindow(source, slab.samples, channels, at)
      return {
        shader: shaderOf(tile, 'input'),
        entry,
        normalisation,
        bindings: { x: window, v },
        params: {
          ...tileParams(source, slab, tile),
          ...params,
          channels: channels.count,
          v_channel: offset + channels.start,
          v_channels: total,
          frequency_stride: frequencyStride(slab.blocks.count, total),
        },
        invocations: channelsDone(entry, channels.count) * slab.blocks.count * BLOCK_TILES,
      }
    })
  })
}

/** Channels that a transform has invocations for: `tiles_by_channel` takes sixteen together. */
function channelsDone(entry: string, channels: number): number {
  return entry === 'tiles_by_channel' ? Math.ceil(channels / 16) * 16 : channels
}

function transformWeight(pass: Pass, tile: WinogradTile, u: Tensor): Dispatch {
  const { inputs: columns, outputs: rows } = channelsOf(pass)
  const forward = pass.direction === 'forward'
  const { window, base } = weightWindow(pass.weight, { start: 0, count: pass.weight.shape[0] as number })
  return {
    shader: shaderOf(tile, 'weight'),
    constants: { FLIP: forward ? 0 : 1 },
    bindings: { weight: window, u },
    params: {
      rows,
      columns,
      base: base + (pass.first ?? 0) * 27,
      row_stride: forward ? rowOf(pass.weight) : 27,
      column_stride: forward ? 27 : rowOf(pass.weight),
    },
    invocations: Math.ceil(rows / BLOCK_OUTPUTS) * BLOCK_OUTPUTS * columns,
  }
}

function transformOutput(pass: Pass, slab: TileSlab, tile: WinogradTile, m: Tensor, facts: AdapterFacts): Dispatch[] {
  const { channels: all } = volumeOf(pass.target.shape, pass.target.name)
  const padded = Math.ceil(all / BLOCK_OUTPUTS) * BLOCK_OUTPUTS
  return channelRanges(pass.target, facts).map(channels => {
    const { window, base } = channelWindow(pass.target, slab.samples, channels)
    return {
      shader: shaderOf(tile, 'output'),
      entry: pass.bias ? 'forward' : 'backward',
      constants: { ACCUMULATE: pass.accumulate ? 1 : 0 },
      bindings: { m, y: window, ...(pass.bias ? { bias: pass.bias } : {}) },
      params: {
        ...tileParams(pass.target, slab, tile),
        channels: channels.count,
        m_channel: channels.start,
        m_channels: padded,
        frequency_stride: frequencyStride(slab.blocks.count, padded),
        y_base: base,
        y_channels: all,
      },
      invocations: channels.count * slab.blocks.count * BLOCK_TILES,
    }
  })
}

function channelsOf(pass: Pass): { inputs: number; outputs: number } {
  return {
    inputs: pass.sources.reduce((sum, { shape }) => sum + (shape[1] as number), 0),
    outputs: pass.target.shape[1] as number,
  }
}

/** Whether a convolution with this weight and output has enough work to pay for the transforms. */
export function isWorthwhile(weight: Tensor, y: Tensor, tile: WinogradTile, facts: AdapterFacts): boolean {
  const [outputs, inputs] = weight.shape as [number, number]
  const tiles = (y.shape[0] as number) * tilesOf(y, tile)
  const pays = inputs * outputs >= LEAST_RATIO[tile.edge] * (inputs + outputs)
  return facts.software && pays && tiles >= BLOCK_TILES && occupancyOf(y, tile) >= LEAST_OCCUPANCY[tile.edge]
}

function fits(pass: Pass, { frequencies }: WinogradTile, facts: AdapterFacts): boolean {
  const { inputs, outputs } = channelsOf(pass)
  const limit = bindingElements(facts)
  const padded = Math.ceil(outputs / BLOCK_OUTPUTS) * BLOCK_OUTPUTS
  return (
    isTiled(pass.weight, pass.stride) &&
    rowOf(pass.weight) * (pass.weight.shape[0] as number) <= limit &&
    frequencies * padded * inputs <= limit &&
    frequencies * frequencyStride(1, Math.max(inputs, padded)) <= limit
  )
}

function lower(pass: Pass, tile: WinogradTile, at: Lowering): Dispatch[] {
  const { facts, scratch } = at
  const { frequencies } = tile
  const { inputs, outputs } = channelsOf(pass)
  const outputBlocks = Math.ceil(outputs / BLOCK_OUTPUTS)
  const wider = Math.max(inputs, outputBlocks * BLOCK_OUTPUTS)
  const volume = volumeOf(pass.target.shape, pass.target.name)
  const samples = samplesAtOnce(volume.samples, Math.max(inputs, outputs) * volume.voxels, facts)
  const blocks = slabBlocks(wider, samples * tilesOf(pass.target, tile), tile, facts)
  const u = scratch('u', [frequencies, outputBlocks, inputs, BLOCK_OUTPUTS])
  const v = scratch('v', [frequencies, frequencyStride(blocks, inputs)])
  const m = scratch('m', [frequencies, frequencyStride(blocks, outputBlocks * BLOCK_OUTPUTS)])
  return [
    transformWeight(pass, tile, u),
    ...tileSlabs(pass.target, samples, blocks, tile).flatMap(slab => [
      ...transformInput({ entry: 'patches', sources: pass.sources, slab, tile, v }, at),
      multiply({ v, u, m, frequencies, blocks: slab.blocks.count, inputs, outputs }, facts),
      ...transformOutput(pass, slab, tile, m, facts),
    ]),
  ]
}

function variant(tile: WinogradTile): Variant<Pass> {
  return {
    name: `winograd${tile.edge}`,
    fits: (pass, facts) => fits(pass, tile, facts),
    suits: (pass, facts) => isWorthwhile(pass.weight, pass.target, tile, facts),
    lower: (pass, at) => lower(pass, tile, at),
  }
}

/** Winograd convolutions: tiles of 4×4×4 outputs, then of 2×2×2. */
export const winograd = [variant(TILE_4), variant(TILE_2)] as const

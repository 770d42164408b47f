import type { AdapterFacts, Dispatch, Lowering, Variant } from '../../graph/kernel.ts'
import { volumeOf } from '../../util/shape.ts'
import { type BackwardWeightArgs, isTiled } from './pass.ts'
import { bindingElements, rowOf, samplesAtOnce, weightWindow } from './ranges.ts'
import { isWorthwhile, slabBlocks, tileSlabs, transformInput } from './winograd.ts'
import { BLOCK_TILES, frequencyStride, shaderOf, TILE_2, TILE_4, tilesOf, type WinogradTile } from './winograd_tile.ts'

/** Channels per invocation of conv3d/winograd_correlate or per workgroup of winograd_correlate_wide. */
interface Block {
  inputs: number
  outputs: number
}

const SQUARE: Block = { inputs: 8, outputs: 8 }
const WIDE: Block = { inputs: 16, outputs: 32 }
const WIDEST: Block = { inputs: 17, outputs: 64 }
/** Invocations per workgroup of winograd_correlate_wide. */
const WIDE_LANES = 16

/** A wider block pays only if at least three quarters of its output channels exist. */
function blockOf(outputs: number): Block {
  return [WIDEST, WIDE].find(block => outputs >= 0.75 * block.outputs) ?? SQUARE
}

function correlate(block: Block, inputs: number, outputs: number, { frequencies }: WinogradTile) {
  const grid = [Math.ceil(inputs / block.inputs), Math.ceil(outputs / block.outputs), frequencies] as const
  return block === SQUARE
    ? { shader: 'conv3d/winograd_correlate', invocations: grid[0] * grid[1] * grid[2] }
    : {
        shader: `conv3d/winograd_correlate_wide WIDTH=${block.outputs / WIDE_LANES} INPUTS=${block.inputs}`,
        workgroups: grid,
      }
}

function fits(args: BackwardWeightArgs, { frequencies }: WinogradTile, facts: AdapterFacts): boolean {
  const [outputs, inputs] = args.gradient.shape as [number, number]
  const limit = bindingElements(facts)
  return (
    isTiled(args.gradient, args.stride) &&
    frequencies * inputs * outputs <= limit &&
    rowOf(args.gradient) * outputs <= limit &&
    frequencies * frequencyStride(1, Math.max(inputs, outputs)) <= limit
  )
}

function lower(args: BackwardWeightArgs, tile: WinogradTile, at: Lowering): Dispatch[] {
  const { facts, scratch } = at
  const { sources, dy, gradient, accumulate } = args
  const { frequencies } = tile
  const [outputs, inputs] = gradient.shape as [number, number]
  const block = blockOf(outputs)
  const entry = block === SQUARE ? 'tiles' : 'tiles_by_channel'
  const wider = Math.max(inputs, outputs)
  const volume = volumeOf(dy.shape, dy.name)
  const samples = samplesAtOnce(volume.samples, wider * volume.voxels, facts)
  const blocks = slabBlocks(wider, samples * tilesOf(dy, tile), tile, facts)
  const v = scratch('v', [frequencies, frequencyStride(blocks, inputs)])
  const dm = scratch('dm', [frequencies, frequencyStride(blocks, outputs)])
  const du = scratch('du', [frequencies, outputs, inputs])
  const { window, base } = weightWindow(gradient, { start: 0, count: outputs })
  return [
    ...tileSlabs(dy, samples, blocks, tile).flatMap((slab, i) => [
      ...transformInput({ entry: 'patches', sources, slab, tile, v }, at),
      ...transformInput({ entry, sources: [dy], slab, tile, v: dm }, at),
      {
        ...correlate(block, inputs, outputs, tile),
        constants: { ACCUMULATE: i > 0 ? 1 : 0 },
        bindings: { v, dm, gradient: du },
        params: {
          inputs,
          outputs,
          blocks: slab.blocks.count,
          v_stride: frequencyStride(slab.blocks.count, inputs),
          dm_stride: frequencyStride(slab.blocks.count, outputs),
          ...(block === SQUARE ? { frequencies } : {}),
        },
        flops: 2 * frequencies * BLOCK_TILES * slab.blocks.count * outputs * inputs,
      },
    ]),
    {
      shader: shaderOf(tile, 'weight_gradient'),
      constants: { ACCUMULATE: accumulate ? 1 : 0 },
      bindings: { du, gradient: window },
      params: { pairs: outputs * inputs, base },
      invocations: outputs * inputs,
    },
  ]
}

function variant(tile: WinogradTile): Variant<BackwardWeightArgs> {
  return {
    name: `winograd${tile.edge}`,
    fits: (args, facts) => fits(args, tile, facts),
    suits: ({ gradient, dy }, facts) => isWorthwhile(gradient, dy, tile, facts),
    lower: (args, at) => lower(args, tile, at),
  }
}

/** Winograd weight gradients: dU = Σ dM V over tiles in order, then dw = Gᵀ dU. */
export const winogradWeight = [variant(TILE_4), variant(TILE_2)] as const

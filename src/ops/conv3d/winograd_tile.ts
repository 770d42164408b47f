import type { AdapterFacts, Dispatch } from '../../graph/kernel.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { volumeOf } from '../../util/shape.ts'

/** One size of Winograd tile, F(edge³, 3³): edge³ outputs from (edge + 2)³ products instead of 27 · edge³. */
export interface WinogradTile {
  /** voxels */
  edge: 2 | 4
  /** products per tile and pair of channels */
  frequencies: number
}

/** 3.4 times fewer multiply-adds than the direct sum, with the same rounding error. */
export const TILE_2: WinogradTile = { edge: 2, frequencies: 64 }
/** 8 times fewer, with about twice the direct sum's rounding error (docs/performance.md). */
export const TILE_4: WinogradTile = { edge: 4, frequencies: 216 }

/** Tiles per sample. */
export function tilesOf(t: Tensor, { edge }: WinogradTile): number {
  const { height, width, depth } = volumeOf(t.shape, t.name)
  return Math.ceil(height / edge) * Math.ceil(width / edge) * Math.ceil(depth / edge)
}

/** The share of the tiles' voxels that lies inside the volume. */
export function occupancyOf(t: Tensor, tile: WinogradTile): number {
  return volumeOf(t.shape, t.name).voxels / (tilesOf(t, tile) * tile.edge ** 3)
}

/** The shader of a stage for this tile. */
export function shaderOf({ edge }: WinogradTile, stage: 'input' | 'output' | 'weight' | 'weight_gradient'): string {
  return `conv3d/winograd_${stage} EDGE=${edge}`
}

/** Tiles per workgroup of the product shaders. */
export const BLOCK_TILES = 64

/** Output channels per block of transformed weights. */
export const BLOCK_OUTPUTS = 16

/** Elements of a cache line of 64 bytes. */
const CACHE_LINE = 16

/**
 * Elements between two frequencies of V or M: an odd number of a CPU's cache lines. The transforms iterate over frequencies, and a
 * power-of-two stride would map all of them to the same cache set.
 */
export function frequencyStride(blocks: number, channels: number): number {
  return blocks * channels * BLOCK_TILES + CACHE_LINE
}

export interface Product {
  v: Tensor // (frequencies, blocks, I, 64)
  u: Tensor // (frequencies, O / 16, I, 16)
  m: Tensor // (frequencies, blocks, O, 64)
  frequencies: number
  /** of 64 tiles */
  blocks: number
  inputs: number
  outputs: number
}

/** M = U V at every frequency. */
export function multiply({ v, u, m, frequencies, blocks, inputs, outputs }: Product, facts: AdapterFacts): Dispatch {
  const outputBlocks = Math.ceil(outputs / BLOCK_OUTPUTS)
  const share = facts.features.has('subgroups') && facts.subgroupSizes.min >= BLOCK_OUTPUTS
  const together = share ? (([4, 2] as const).find(count => outputBlocks % count === 0) ?? 1) : 1
  return {
    shader: share ? `conv3d/winograd_multiply_subgroup BLOCKS=${together}` : 'conv3d/winograd_multiply',
    bindings: { v, u, m },
    params: {
      inputs,
      output_blocks: outputBlocks,
      v_stride: frequencyStride(blocks, inputs),
      m_stride: frequencyStride(blocks, outputBlocks * BLOCK_OUTPUTS),
    },
    workgroups: [outputBlocks / together, blocks, frequencies],
    flops: 2 * frequencies * BLOCK_TILES * blocks * outputs * inputs,
  }
}

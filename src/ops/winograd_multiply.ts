import type { AdapterFacts, Dispatch } from '../graph/kernel.ts'
import type { Tensor } from '../graph/tensor.ts'

/** Tiles that one workgroup of the product shaders computes. */
export const BLOCK_TILES = 64
/** Output channels of a block of transformed weights. */
export const BLOCK_OUTPUTS = 16
/** Elements of a cache line of 64 bytes. */
const CACHE_LINE = 16

/**
 * Elements between two frequencies of V or M: an odd number of a CPU's cache lines, since the transforms walk over frequencies and a
 * stride that is a power of two would map all of them to one set of the cache.
 */
export function frequencyStride(blocks: number, channels: number): number {
  return blocks * channels * BLOCK_TILES + CACHE_LINE
}

interface Product {
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

import { kernel } from '../../graph/kernel.ts'
import type { Tape } from '../../graph/tape.ts'
import { type Tensor, windowOf } from '../../graph/tensor.ts'
import { ContractError } from '../../util/error.ts'
import { pairSlices, structurePairs } from '../runs.ts'

/**
 * The masks of logits: voxels with probability above 0.5, i.e. a positive logit. Takes 1/32 of the logits' memory. No gradient.
 * @param logits (N, S, H, W, D), f32; voxels divide by 32
 * @returns u32 (N, S, V/32), bit j of word i is voxel 32·i + j
 */
export function maskBits(tape: Tape, logits: Tensor): Tensor {
  const { samples, structures, voxels } = structurePairs(logits.shape, 'maskBits')
  if (voxels % 32 !== 0) throw new ContractError('maskBits', 'voxels', voxels, 'a multiple of 32')
  const bits = tape.temporary('mask bits', [samples, structures, voxels / 32], 'u32')
  tape.run(positive, { logits, bits })
  return bits
}

const positive = kernel<{ logits: Tensor; bits: Tensor }>('mask_bits', ({ logits, bits }, { facts }) =>
  pairSlices(structurePairs(logits.shape, 'maskBits'), facts).map(slice => {
    const words = slice.elements / 32
    return {
      shader: 'mask_bits',
      bindings: { logits: windowOf(logits, slice), bits: windowOf(bits, slice) },
      params: { words },
      invocations: words,
    }
  }),
)

import { kernel } from '../graph/kernel.ts'
import type { Tape } from '../graph/tape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { runsOf, runWindow } from '../ops/runs.ts'
import { oneTile, spansOf } from '../ops/work.ts'
import { expectElements } from './flat.ts'

/** Lanes have one invocation each: enough to fill a GPU. */
const MAX_LANES = 16384
const LANE_ELEMENTS = 256

/**
 * The global L2 norm of the first `elements` of a flat gradient, for clipping as torch.nn.utils.clip_grad_norm_ does.
 * @param limit largest unclipped norm; Infinity disables clipping
 * @returns (3): norm, clip factor min(1, limit / (norm + 1e-6)), and 1 if all elements and the norm are finite, otherwise 0.
 *   The norm ignores non-finite elements.
 */
export function gradientNorm(
  tape: Tape,
  gradient: Tensor,
  { elements, limit }: { elements: number; limit: number },
): Tensor {
  expectElements('gradientNorm', gradient, elements)
  const clip = tape.temporary('clip', [3])
  tape.run(norm, { gradient, elements, limit: Math.min(limit, LARGEST_LIMIT), clip })
  return clip
}

/** Represents no limit: a WGSL uniform cannot be infinite. */
export const LARGEST_LIMIT = 3e38

const norm = kernel<{ gradient: Tensor; elements: number; limit: number; clip: Tensor }>(
  'gradient_norm',
  ({ gradient, elements, limit, clip }, { facts, scratch }) => {
    let parts = 0
    const cuts = runsOf(elements, 1, facts.maxBindingBytes).map(run => {
      const cut = oneTile(run.length, Math.min(MAX_LANES, Math.ceil(run.length / LANE_ELEMENTS)))
      const part = parts
      parts += cut[3]
      return { run, cut, part }
    })
    const partials = scratch('partials', [parts, 2])
    const stage = cuts.map(({ run, cut, part }) => ({
      shader: 'optim/norm_partials',
      bindings: { gradient: runWindow(gradient, run), partials },
      ...spansOf(cut, { part }),
    }))
    const finish = {
      shader: 'optim/norm',
      bindings: { partials, clip },
      params: { parts, limit },
      workgroups: [1, 1, 1] as const,
    }
    return [...stage, finish]
  },
)

import type { Dispatch } from '../../graph/kernel.ts'
import type { Tensor, Window } from '../../graph/tensor.ts'

/** Workgroups that keep any adapter busy; a sum over voxels is cut into chunks until there are as many. */
export const WORKGROUPS = 512

/**
 * Cuts `positions` into equal chunks: no more than make `groups` · chunks reach WORKGROUPS, none shorter than one position per lane,
 * and at most `most` of them.
 */
export function chunking(
  positions: number,
  lanes: number,
  groups: number,
  most: number,
): { chunk: number; chunks: number } {
  const wanted = Math.min(Math.ceil(WORKGROUPS / groups), Math.ceil(positions / lanes), Math.max(1, most))
  const chunk = Math.ceil(positions / wanted)
  return { chunk, chunks: Math.ceil(positions / chunk) }
}

/** The second stage: adds the chunks of `partials` in order into some rows and columns of `gradient`. */
export function sumPartials(
  partials: Tensor,
  gradient: Tensor | Window,
  accumulate: boolean,
  params: { chunks: number; rows: number; columns: number; base: number; row_stride: number },
): Dispatch {
  return {
    shader: 'conv3d/sum_partials',
    constants: { ACCUMULATE: accumulate ? 1 : 0 },
    bindings: { partials, gradient },
    params,
    invocations: params.rows * params.columns,
  }
}

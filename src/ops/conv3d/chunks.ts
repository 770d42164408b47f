import type { Dispatch } from '../../graph/kernel.ts'
import type { Tensor, Window } from '../../graph/tensor.ts'

/** Workgroups that keep any adapter busy. A sum over voxels is cut into chunks to get as many. */
const WORKGROUPS = 512

/** A sum over positions that is cut into chunks. */
interface ChunkedSum {
  positions: number
  /** positions that a workgroup takes at once; no chunk is shorter */
  lanes: number
  /** workgroups of one chunk */
  groups: number
  /** elements of one chunk's partial sums */
  partials: number
  /** elements that the partial sums of all chunks may take */
  budget: number
}

/** Cuts a sum into equal chunks: as many as bring the workgroups to WORKGROUPS, within the budget. */
export function chunking(sum: ChunkedSum): { chunk: number; chunks: number } {
  const { positions, lanes, groups, partials, budget } = sum
  const affordable = Math.max(1, Math.floor(budget / partials))
  const wanted = Math.min(Math.ceil(WORKGROUPS / groups), Math.ceil(positions / lanes), affordable)
  const chunk = Math.ceil(positions / wanted)
  return { chunk, chunks: Math.ceil(positions / chunk) }
}

/** Second stage: adds the chunks of `partials` in order, into rows and columns of `gradient`. */
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

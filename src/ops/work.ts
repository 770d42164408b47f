import type { AdapterFacts, Dispatch } from '../graph/kernel.ts'
import type { Tensor } from '../graph/tensor.ts'

/** The parameter `cut` of kernels that use lib/span: (voxels of a plane, lanes, run, parts). */
export type Cut = readonly [voxels: number, lanes: number, run: number, parts: number]

/** Voxels that one invocation takes: few on a GPU, which wants many invocations; many where starting one costs a CPU's time. */
const REDUCTION_RUN = { gpu: 64, software: 256 }
const ELEMENTWISE_RUN = { gpu: 4, software: 256 }
/** Interleaved invocations: a GPU's cache line of f32, a CPU's widest vector. */
const LANES = { gpu: 32, software: 16 }

const MAX_WORKGROUPS = 65_535

function cutOf(voxels: number, lanes: number, run: number): Cut {
  const used = Math.min(lanes, voxels)
  return [voxels, used, run, Math.ceil(voxels / (used * run)) * used]
}

/** Spans for a pass that writes as much as it reads. */
export function elementwiseCut(voxels: number, facts: AdapterFacts): Cut {
  const on = facts.software ? 'software' : 'gpu'
  return cutOf(voxels, LANES[on], ELEMENTWISE_RUN[on])
}

/** Spans for a reduction whose partials, `bytes` each for every span of all `planes`, must fit one binding. */
export function reductionCut(planes: number, voxels: number, bytes: number, facts: AdapterFacts): Cut {
  const on = facts.software ? 'software' : 'gpu'
  let cut = cutOf(voxels, LANES[on], REDUCTION_RUN[on])
  while (planes * cut[3] * bytes > facts.maxBindingBytes && cut[2] < voxels) cut = cutOf(voxels, cut[1], cut[2] * 2)
  return cut
}

/** Workgroups for a kernel that gives one to each of `count` elements and finds it with `linear_workgroup`. */
export function workgroupEach(count: number): readonly [number, number, number] {
  const rows = Math.ceil(count / MAX_WORKGROUPS)
  return [Math.ceil(count / rows), rows, 1]
}

/**
 * Elements that one invocation of an element-wise kernel takes, a whole grid apart so that neighbours read neighbours. On a CPU
 * starting an invocation costs more than its element (measured: 8 elements each are twice as fast); a GPU stays full at 8.
 */
export const ELEMENTS_PER_INVOCATION = 8

/** Invocations of an element-wise kernel that steps through its elements by the size of its grid. */
export function gridInvocations(elements: number): number {
  return Math.ceil(elements / ELEMENTS_PER_INVOCATION)
}

/** Second stage of a sum: sums (rows) = or += scale · the sum of each row of values (rows, length), in fixed order. */
export function sumRows(
  values: Tensor,
  sums: Tensor,
  {
    rows,
    length,
    scale = 1,
    accumulate = false,
  }: { rows: number; length: number; scale?: number; accumulate?: boolean },
): Dispatch {
  return {
    shader: 'reduce/rows',
    bindings: { values, sums },
    params: { rows, length, scale },
    constants: { ACCUMULATE: Number(accumulate) },
    workgroups: workgroupEach(rows),
  }
}

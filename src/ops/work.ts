import type { AdapterFacts, Dispatch } from '../graph/kernel.ts'
import type { Slice, Tensor } from '../graph/tensor.ts'
import { fold } from '../graph/workgroups.ts'

/** How lib/span cuts a plane: (voxels of a plane, lanes, run, parts). */
export type Cut = readonly [voxels: number, lanes: number, run: number, parts: number]

/** Voxels that one invocation takes: few on a GPU, which wants many invocations; many where starting one costs a CPU's time. */
const REDUCTION_RUN = { gpu: 64, software: 256 }
const ELEMENTWISE_RUN = { gpu: 4, software: 256 }
/** Interleaved invocations: a GPU's cache line of f32, a CPU's widest vector. */
const LANES = { gpu: 32, software: 16 }

function cutOf(voxels: number, lanes: number, run: number): Cut {
  const used = Math.min(lanes, voxels)
  return [voxels, used, run, Math.ceil(voxels / (used * run)) * used]
}

/** A plane as a single tile, whose spans are its lanes. */
export function oneTile(voxels: number, lanes: number): Cut {
  return [voxels, lanes, Math.ceil(voxels / lanes), lanes]
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

/** A slice of planes. */
interface Planes {
  /** how many */
  planes: number
  /** the first one, sample · channels + channel */
  plane: number
  /** of a sample, in all slices */
  channels: number
  /** the first one's first span among those of all slices */
  part: number
}

/** The planes of a slice of a tensor of so many `channels`. */
export function planesOf({ sample, samples, channel, channels: count }: Slice, channels: number): Omit<Planes, 'part'> {
  return { planes: samples * count, plane: sample * channels + channel, channels }
}

/** What a dispatch over spans asks for. */
export interface SpanWork {
  /** the fields of a `Spans` of lib/span */
  params: { cut: Cut; invocations: number; part: number; plane: number; channels: number }
  invocations: number
}

/** An invocation for every span of a slice of planes; of one plane unless given. */
export function spansOf(
  cut: Cut,
  { planes = 1, plane = 0, channels = 1, part = plane * cut[3] }: Partial<Planes> = {},
): SpanWork {
  const invocations = planes * cut[3]
  return { params: { cut, invocations, part, plane, channels }, invocations }
}

/** Workgroups for a kernel that gives one to each of `count` elements and finds it with `workgroup_of`. */
export function workgroupEach(count: number): readonly [number, number, number] {
  return [...fold(count), 1]
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

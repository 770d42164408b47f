import type { AdapterFacts, Dispatch } from '../graph/kernel.ts'
import type { Slice, Tensor } from '../graph/tensor.ts'
import { fold } from '../graph/workgroups.ts'

/** How lib/span cuts a plane: (voxels of a plane, lanes, run, parts). */
export type Cut = readonly [voxels: number, lanes: number, run: number, parts: number]

/** Voxels per invocation: few on a GPU, which needs many invocations; many on a CPU, where starting one is expensive. */
const REDUCTION_RUN = { gpu: 64, software: 256 }
const ELEMENTWISE_RUN = { gpu: 4, software: 256 }
/** Interleaved invocations: a GPU's cache line of f32, or a CPU's widest vector. */
const LANES = { gpu: 32, software: 16 }

function cutOf(voxels: number, lanes: number, run: number): Cut {
  const used = Math.min(lanes, voxels)
  return [voxels, used, run, Math.ceil(voxels / (used * run)) * used]
}

/** A plane as a single tile, whose spans are its lanes. */
export function oneTile(voxels: number, lanes: number): Cut {
  return [voxels, lanes, Math.ceil(voxels / lanes), lanes]
}

/** Spans for an elementwise pass. */
export function elementwiseCut(voxels: number, facts: AdapterFacts): Cut {
  const on = facts.software ? 'software' : 'gpu'
  return cutOf(voxels, LANES[on], ELEMENTWISE_RUN[on])
}

/** Spans for a reduction over all `planes`. Its partials, `bytes` per span, must fit one binding. */
export function reductionCut(planes: number, voxels: number, bytes: number, facts: AdapterFacts): Cut {
  const on = facts.software ? 'software' : 'gpu'
  let cut = cutOf(voxels, LANES[on], REDUCTION_RUN[on])
  while (planes * cut[3] * bytes > facts.maxBindingBytes && cut[2] < voxels) cut = cutOf(voxels, cut[1], cut[2] * 2)
  return cut
}

/** A slice of planes. */
interface Planes {
  /** number of planes */
  planes: number
  /** the first plane: sample · channels + channel */
  plane: number
  /** per sample, over all slices */
  channels: number
  /** the first span, counted over all slices */
  part: number
}

/** The planes of a slice of a tensor with `channels` channels. */
export function planesOf({ sample, samples, channel, channels: count }: Slice, channels: number): Omit<Planes, 'part'> {
  return { planes: samples * count, plane: sample * channels + channel, channels }
}

/** Params and invocations of a dispatch over spans. */
export interface SpanWork {
  /** the fields of a `Spans` of lib/span */
  params: { cut: Cut; invocations: number; part: number; plane: number; channels: number }
  invocations: number
}

/** One invocation per span of a slice of planes; a single plane by default. */
export function spansOf(
  cut: Cut,
  { planes = 1, plane = 0, channels = 1, part = plane * cut[3] }: Partial<Planes> = {},
): SpanWork {
  const invocations = planes * cut[3]
  return { params: { cut, invocations, part, plane, channels }, invocations }
}

/** Workgroups for a kernel with one per element, which it gets from `workgroup_of`. */
export function workgroupEach(count: number): readonly [number, number, number] {
  return [...fold(count), 1]
}

/**
 * Elements per invocation of an elementwise kernel, a whole grid apart so that accesses stay contiguous. On a CPU, starting an
 * invocation costs more than an element (measured: 8 elements each are twice as fast); a GPU stays full at 8.
 */
const ELEMENTS_PER_INVOCATION = 8

/** Invocations of an elementwise kernel with a grid-stride loop. */
export function gridInvocations(elements: number): number {
  return Math.ceil(elements / ELEMENTS_PER_INVOCATION)
}

/** Second stage of a sum: writes or adds scale · Σ of each row of `values` (rows, length) to `sums` (rows), in fixed order. */
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

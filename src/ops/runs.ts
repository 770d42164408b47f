import type { AdapterFacts } from '../graph/kernel.ts'
import {
  type DType,
  elementBytes,
  type Slice,
  slices,
  type Tensor,
  type Window,
  windowAlignment,
} from '../graph/tensor.ts'
import { ContractError } from '../util/error.ts'
import { type Shape, sizeOf } from '../util/shape.ts'
import { type Cut, oneTile, type SpanWork, spansOf } from './work.ts'

/** A contiguous run of a tensor's elements that fits one binding. */
export interface Run {
  /** elements */
  offset: number
  /** elements */
  length: number
}

/** Cuts `elements` into the fewest runs that are multiples of `unit`, fit `maxBytes` and start at a valid window offset. */
export function runsOf(elements: number, unit: number, maxBytes: number, dtype: DType = 'f32'): Run[] {
  let step = unit
  while (step % windowAlignment(dtype) !== 0) step *= 2
  const length = Math.max(step, Math.floor(maxBytes / elementBytes(dtype) / step) * step)
  const runs: Run[] = []
  for (let offset = 0; offset < elements; offset += length)
    runs.push({ offset, length: Math.min(length, elements - offset) })
  return runs
}

/** A run of `t` as a window; the tensor itself if the run covers it. */
export function runWindow(t: Tensor, run: Run): Tensor | Window {
  return run.length === sizeOf(t.shape) ? t : { tensor: t, ...run }
}

/** Axes of a tensor of (sample, structure) pairs: (N, S, H, W, D) or (N, S, V). */
export interface Pairs {
  samples: number
  structures: number
  /** per pair */
  voxels: number
}

/** Reads (N, S, ...). Throws ContractError naming `operation` if there are fewer than three axes. */
export function structurePairs(shape: Shape, operation: string): Pairs {
  if (shape.length < 3) throw new ContractError(operation, 'shape', shape, '(N, S, H, W, D)')
  const [samples, structures] = shape as [number, number]
  return { samples, structures, voxels: sizeOf(shape) / (samples * structures) }
}

/** A run of pairs that fits one binding. */
export interface PairSlice extends Slice {
  firstPair: number
  pairs: number
  /** pairs · voxels */
  elements: number
}

/** Cuts the pairs, in order, into runs that fit a binding. */
export function pairSlices({ samples, structures, voxels }: Pairs, facts: AdapterFacts): PairSlice[] {
  return slices(samples, structures, voxels, facts.maxBindingBytes).map(slice => {
    const pairs = slice.samples * slice.channels
    return { ...slice, firstPair: slice.sample * structures + slice.channel, pairs, elements: pairs * voxels }
  })
}

/** The spans of a slice of pairs; structures count as channels. */
export function pairSpans(cut: Cut, { structures }: Pairs, { pairs, firstPair }: PairSlice): SpanWork {
  return spansOf(cut, { planes: pairs, plane: firstPair, channels: structures })
}

const MAX_LANES = 1024
const LANE_VOXELS = 128

/**
 * How a sum over a pair's voxels is cut: one tile with enough lanes to fill a GPU, but few enough for a fast second stage.
 * The lanes are a multiple of 32 if `voxels` is a multiple of 4096.
 */
export function pairCut(voxels: number): Cut {
  return oneTile(voxels, Math.min(MAX_LANES, Math.ceil(voxels / LANE_VOXELS)))
}

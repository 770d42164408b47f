import { type DType, elementBytes, type Tensor, type Window, windowAlignment } from '../graph/tensor.ts'
import { sizeOf } from '../util/shape.ts'

/** A contiguous run of a tensor's elements that fits one binding. */
export interface Run {
  /** elements */
  offset: number
  /** elements */
  length: number
}

/** Cuts `elements` into the fewest runs of whole `unit`s that fit a binding of `maxBytes` and begin where a window may. */
export function runsOf(elements: number, unit: number, maxBytes: number, dtype: DType = 'f32'): Run[] {
  let step = unit
  while (step % windowAlignment(dtype) !== 0) step *= 2
  const length = Math.max(step, Math.floor(maxBytes / elementBytes(dtype) / step) * step)
  const runs: Run[] = []
  for (let offset = 0; offset < elements; offset += length)
    runs.push({ offset, length: Math.min(length, elements - offset) })
  return runs
}

/** The window of `t` that a run names; the tensor itself when the run is all of it. */
export function runWindow(t: Tensor, run: Run): Tensor | Window {
  return run.length === sizeOf(t.shape) ? t : { tensor: t, ...run }
}

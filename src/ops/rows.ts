import { type Tensor, WINDOW_ALIGNMENT, type Window } from '../graph/tensor.ts'
import { sizeOf } from '../util/shape.ts'

/** A contiguous run of a tensor's elements that fits one binding. */
export interface Run {
  /** elements */
  offset: number
  /** elements */
  length: number
}

/** Cuts `elements` into the fewest runs of whole `unit`s that fit a binding of `maxBytes` and begin where a window may. */
export function runsOf(elements: number, unit: number, maxBytes: number): Run[] {
  let step = unit
  while (step % WINDOW_ALIGNMENT !== 0) step *= 2
  const length = Math.max(step, Math.floor(maxBytes / 4 / step) * step)
  const runs: Run[] = []
  for (let offset = 0; offset < elements; offset += length)
    runs.push({ offset, length: Math.min(length, elements - offset) })
  return runs
}

/** The window of `t` that a run names; the tensor itself when the run is all of it. */
export function runWindow(t: Tensor, run: Run): Tensor | Window {
  return run.length === sizeOf(t.shape) ? t : { tensor: t, ...run }
}

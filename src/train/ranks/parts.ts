import type { Arena } from '../../graph/arena.ts'
import { WINDOW_ALIGNMENT } from '../../graph/tensor.ts'
import type { Plan } from '../../plan/plan.ts'
import type { Range } from '../../run/gradient_sums.ts'

/** Gradients that a backward pass finishes at about the same time. Ranks exchange them while it goes on with the others. */
export interface GradientPart {
  /** ascending; they start and end where windows may */
  ranges: readonly Range[]
  /** elements of the ranges */
  length: number
  /** dispatches of the plan after which they are final */
  after: number
}

/**
 * Divides the gradients into at most `count` parts of about the same length, in the order in which `plan` finishes them: after a part's last
 * dispatch nothing writes it. Every element is in one part.
 */
export function gradientParts(plan: Plan, gradients: Arena, count: number): GradientPart[] {
  const cells = finishingDispatches(plan, gradients)
  const ends = [...new Set(cells)].sort((a, b) => a - b)
  const parts: GradientPart[] = []
  let from = -1
  let found = 0
  for (const end of ends) {
    found += cells.filter(cell => cell === end).length
    if (end !== ends.at(-1) && found * count < cells.length) continue
    const after = from
    const ranges = rangesOf(cells, cell => cell > after && cell <= end)
    const length = ranges.reduce((sum, range) => sum + range.end - range.start, 0)
    parts.push({ ranges, length, after: end })
    from = end
    found = 0
  }
  return parts
}

/** For every smallest window of the gradients, the number of dispatches after which nothing writes it; 0 where nothing does at all. */
function finishingDispatches(plan: Plan, gradients: Arena): Int32Array {
  const cells = new Int32Array(gradients.length / WINDOW_ALIGNMENT)
  for (const [i, { bound }] of plan.dispatches.entries())
    for (const { tensor, offset, length, writes } of bound) {
      if (!writes || !gradients.has(tensor)) continue
      const start = gradients.offsetOf(tensor) + offset
      cells.fill(i + 1, Math.floor(start / WINDOW_ALIGNMENT), Math.ceil((start + length) / WINDOW_ALIGNMENT))
    }
  return cells
}

function rangesOf(cells: Int32Array, isIn: (cell: number) => boolean): Range[] {
  const ranges: Range[] = []
  for (const [i, cell] of cells.entries()) {
    if (!isIn(cell)) continue
    const [start, end] = [i * WINDOW_ALIGNMENT, (i + 1) * WINDOW_ALIGNMENT]
    const last = ranges.at(-1)
    if (last?.end === start) last.end = end
    else ranges.push({ start, end })
  }
  return ranges
}

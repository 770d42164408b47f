/** Points that draw the same line at `width` pixels: of each pixel the first, lowest, highest and last, and a gap if there is one, in order. */
export function thinned(
  xs: Float64Array,
  values: Float64Array,
  width: number,
  from = Number.NEGATIVE_INFINITY,
  to = Number.POSITIVE_INFINITY,
): { xs: number[]; values: (number | null)[] } {
  const first = Math.max(0, firstAtLeast(xs, from) - 1) // the line goes on beyond the edges
  const end = Math.min(xs.length, firstAbove(xs, to) + 1)
  const kept = end - first <= 4 * width ? indices(first, end) : extremes(xs, values, width, first, end)
  return {
    xs: kept.map(i => xs[i]!),
    values: kept.map(i => (Number.isFinite(values[i]!) ? values[i]! : null)),
  }
}

function indices(first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, i) => first + i)
}

function extremes(xs: Float64Array, values: Float64Array, width: number, first: number, end: number): number[] {
  const kept: number[] = []
  const left = xs[first]!
  const perPixel = (xs[end - 1]! - left) / width || 1
  for (let start = first; start < end; ) {
    const pixel = Math.floor((xs[start]! - left) / perPixel)
    let [low, high, gap, next] = [start, start, start, start]
    for (; next < end && Math.floor((xs[next]! - left) / perPixel) === pixel; next++) {
      const value = values[next]!
      if (Number.isNaN(value))
        gap = next // must be seen
      else {
        if (!(value >= values[low]!)) low = next // also if the first is a gap
        if (!(value <= values[high]!)) high = next
      }
    }
    kept.push(...[...new Set([start, low, high, gap, next - 1])].sort((a, b) => a - b))
    start = next
  }
  return kept
}

/** Index of the first x ≥ bound; xs ascend. */
function firstAtLeast(xs: Float64Array, bound: number): number {
  return search(xs, x => x >= bound)
}

function firstAbove(xs: Float64Array, bound: number): number {
  return search(xs, x => x > bound)
}

function search(xs: Float64Array, holds: (x: number) => boolean): number {
  let [low, high] = [0, xs.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (holds(xs[middle]!)) high = middle
    else low = middle + 1
  }
  return low
}

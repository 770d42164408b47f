import type { Tensor } from '../graph/tensor.ts'

/** Largest |found − expected| relative to the largest |expected|, maximised over the outputs. NaN counts as infinite. */
export function largestError(
  found: ReadonlyMap<Tensor, Float32Array>,
  expected: ReadonlyMap<Tensor, Float32Array>,
): number {
  let worst = found.size === expected.size ? 0 : Number.POSITIVE_INFINITY
  for (const [t, values] of found) {
    const right = expected.get(t)
    worst = Math.max(worst, right ? (t.dtype === 'u32' ? bitError : errorOf)(values, right) : Number.POSITIVE_INFINITY)
  }
  return worst
}

function errorOf(found: Float32Array, expected: Float32Array): number {
  let difference = 0
  let scale = 0
  for (let i = 0; i < expected.length; i++) {
    const off = Math.abs(found[i]! - expected[i]!)
    if (!(off <= difference)) difference = Number.isNaN(off) ? Number.POSITIVE_INFINITY : off
    scale = Math.max(scale, Math.abs(expected[i]!))
  }
  return difference === 0 ? 0 : difference / scale
}

/** Integers must match exactly. */
function bitError(found: Float32Array, expected: Float32Array): number {
  const [a, b] = [found, expected].map(({ buffer }) => Buffer.from(buffer)) as [Buffer, Buffer]
  return a.equals(b) ? 0 : Number.POSITIVE_INFINITY
}

import type { Random } from './operation.ts'

/** A small seeded generator (mulberry32); each name gets a different sequence. */
export function randomOf(name: string): Random {
  let state = [...name].reduce((hash, c) => Math.imul(hash ^ c.charCodeAt(0), 0x01000193), 0x811c9dc5)
  const bits = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    uniform: (low, high) => low + (high - low) * bits(),
    normal: () => Math.sqrt(-2 * Math.log(1 - bits())) * Math.cos(2 * Math.PI * bits()),
    integer: below => Math.floor(bits() * below),
  }
}

export function normals(random: Random, count: number, mean = 0, deviation = 1): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, () => mean + deviation * random.normal())
}

/** Largest |a − b| relative to the largest |b| (at least `floor`); NaN or a missing element counts as infinite. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>, floor = 1e-30): number {
  let difference = a.length === b.length ? 0 : Number.POSITIVE_INFINITY
  let scale = floor
  for (let i = 0; i < b.length; i++) {
    const d = Math.abs(a[i]! - b[i]!)
    if (!(d <= difference)) difference = Number.isNaN(d) ? Number.POSITIVE_INFINITY : d
    scale = Math.max(scale, Math.abs(b[i]!))
  }
  return difference / scale
}

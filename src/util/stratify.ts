import type { RandomStream } from './random.ts'

/** Draws `count` items in proportion to the strata; strata with a single item are pooled. Both parts are ordered by stratum. */
export function drawStratified<T>(
  strata: readonly (readonly T[])[],
  count: number,
  random: RandomStream,
): { kept: T[]; drawn: T[] } {
  const large = strata.filter(items => items.length > 1)
  const single = strata.filter(items => items.length === 1).flat()
  const pools = single.length > 0 ? [...large, single] : large
  const drawnCounts = shareOut(
    pools.map(items => items.length),
    count,
    random,
  )
  const kept: T[] = []
  const drawn: T[] = []
  for (const [i, items] of pools.entries()) {
    const shuffled = random.shuffle([...items])
    drawn.push(...shuffled.slice(0, drawnCounts[i]!))
    kept.push(...shuffled.slice(drawnCounts[i]!))
  }
  return { kept, drawn }
}

/** Splits `count` in proportion to `sizes`: rounded down first, then one more for each of the largest remainders, ties at random. */
function shareOut(sizes: number[], count: number, random: RandomStream): number[] {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const exact = sizes.map(size => (size * count) / total)
  const shares = exact.map(Math.floor)
  const missing = count - shares.reduce((sum, share) => sum + share, 0)
  const remainders = random.shuffle([...sizes.keys()]).sort((a, b) => exact[b]! - shares[b]! - (exact[a]! - shares[a]!))
  for (const i of remainders.slice(0, missing)) shares[i]!++
  return shares
}

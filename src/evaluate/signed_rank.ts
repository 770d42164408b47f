/**
 * Two-sided p of the signed-rank test (Wilcoxon, "Individual Comparisons by Ranking Methods", Biometrics Bulletin 1, 1945). Differences of 0 are
 * left out, equal magnitudes share the mean of their ranks. Exact: counts the assignments of signs, also with ties. Agrees with
 * scipy.stats.wilcoxon where that is exact. null if every difference is 0.
 */
export function signedRankP(differences: readonly number[]): number | null {
  const ranked = differences.filter(value => value !== 0).sort((a, b) => Math.abs(a) - Math.abs(b))
  if (ranked.length === 0) return null
  const ranks = doubledRanks(ranked.map(Math.abs))
  const positive = ranks.reduce((sum, rank, i) => sum + (ranked[i]! > 0 ? rank : 0), 0)
  const shares = sumShares(ranks)
  const [below, above] = [shares.subarray(0, positive + 1), shares.subarray(positive)].map(part =>
    part.reduce((sum, share) => sum + share, 0),
  )
  return Math.min(1, 2 * Math.min(below!, above!))
}

/** Twice the mean ranks of ascending values, which are then whole numbers. */
function doubledRanks(values: readonly number[]): number[] {
  const ranks: number[] = []
  while (ranks.length < values.length) {
    const first = ranks.length
    const last = values.lastIndexOf(values[first]!)
    for (let i = first; i <= last; i++) ranks.push(first + last + 2)
  }
  return ranks
}

/** For each sum, the share of all assignments of signs whose positive ranks have it. */
function sumShares(ranks: readonly number[]): Float64Array {
  const shares = new Float64Array(ranks.reduce((sum, rank) => sum + rank, 0) + 1)
  shares[0] = 1
  let largest = 0
  for (const rank of ranks) {
    largest += rank
    for (let sum = largest; sum >= 0; sum--) shares[sum] = (shares[sum]! + (sum >= rank ? shares[sum - rank]! : 0)) / 2
  }
  return shares
}

/** How readers see an undefined value, which is null in code: 0/0 is not 0. */
export const UNDEFINED = '–'

/** null if there are no values */
export function mean(values: readonly number[]): number | null {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null
}

/** Population standard deviation, as in numpy; null if there are no values. */
export function deviation(values: readonly number[]): number | null {
  const centre = mean(values)
  const variance = centre === null ? null : mean(values.map(value => (value - centre) ** 2))
  return variance === null ? null : Math.sqrt(variance)
}

/** The mean of the defined values. */
export function meanOfDefined(values: readonly (number | null)[]): number | null {
  return mean(values.filter(value => value !== null))
}

/** The quantile `q` in [0, 1] of at least one value, in ascending order; interpolates linearly, as numpy and torch do. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const position = q * (sorted.length - 1)
  const below = Math.floor(position)
  const low = sorted[below]!
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!
  return low + (high - low) * (position - below)
}

/** 1 / (1 + e^−x) in float64 */
export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x))
}

/** ln(1 + e^x) in float64, without overflow */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
}

export { normals, randomOf, relativeError } from '../bench/ops/numbers.ts'

/** ‖a − b‖ / max(‖b‖, floor) */
export function normError(a: ArrayLike<number>, b: ArrayLike<number>, floor = 1e-30): number {
  let difference = 0
  let norm = 0
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2
    norm += b[i]! ** 2
  }
  return Math.sqrt(difference) / Math.max(Math.sqrt(norm), floor)
}

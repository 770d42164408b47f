/** Points of a metric that are all taken. */
export const WHOLE = 100_000
const BLOCK = 20_000 // points taken after them at each stride

/**
 * Which points of a metric go into MongoDB. A metric is one document there, of at most 16 MiB (some 380,000 points), so after
 * 100,000 points it gets every 2nd, after 20,000 more every 4th, and so on: 190,000 of 10⁶ points, 320,000 of 10⁸.
 */
export class Thinning {
  private stride = 1
  private left = WHOLE // points to take at this stride
  private skips = 0

  /** Whether the next point is taken. */
  takes(): boolean {
    if (this.skips > 0) {
      this.skips--
      return false
    }
    if (this.left === 0) {
      this.stride *= 2
      this.left = BLOCK
    }
    this.left--
    this.skips = this.stride - 1
    return true
  }

  get isThin(): boolean {
    return this.stride > 1
  }
}

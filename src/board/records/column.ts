/** A list of numbers that grows, at eight bytes each. */
export class Column {
  private held = new Float64Array(64)
  length = 0

  push(value: number): void {
    if (this.length === this.held.length) {
      const larger = new Float64Array(2 * this.length)
      larger.set(this.held)
      this.held = larger
    }
    this.held[this.length++] = value
  }

  get bytes(): number {
    return this.held.byteLength
  }

  /** The numbers so far: a view, valid until the next push. */
  get numbers(): Float64Array {
    return this.held.subarray(0, this.length)
  }
}

/** One metric. The three columns have the same length; values may be NaN. */
export interface MetricColumns {
  steps: Column
  /** milliseconds since 1970 */
  times: Column
  values: Column
}

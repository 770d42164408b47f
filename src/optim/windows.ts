/** A place in a run: batches done in an epoch, counted from 0. */
interface Done {
  epoch: number
  batch: number
}

/** The accumulation windows of an epoch. Each ends with an update; the epoch may end within the last one. */
export class Windows {
  /** updates in an epoch */
  readonly perEpoch: number
  /** batches of the longest window */
  readonly longest: number
  private readonly batches: number
  private readonly size: number

  /** `batches`: in an epoch. `size`: batches of a full window. */
  constructor(batches: number, size: number) {
    this.batches = batches
    this.size = size
    this.longest = Math.min(size, batches)
    this.perEpoch = Math.ceil(batches / size)
  }

  isFirst(batch: number): boolean {
    return batch % this.size === 0
  }

  isLast(batch: number): boolean {
    return (batch + 1) % this.size === 0 || batch + 1 === this.batches
  }

  /** The weight of a batch's gradient: one over the batches of its window. */
  shareOf(batch: number): number {
    return 1 / Math.min(this.size, this.batches - (batch - (batch % this.size)))
  }

  /** The update that ends the window of a batch, counted from the start of the run. */
  updateOf({ epoch, batch }: Done): number {
    return epoch * this.perEpoch + Math.floor(batch / this.size)
  }

  /** Updates from the start of the run to a place right after one. */
  updatesUntil({ epoch, batch }: Done): number {
    return epoch * this.perEpoch + Math.ceil(batch / this.size)
  }
}

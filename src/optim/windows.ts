/** A place in a run: batches done in an epoch, counted from 0. */
interface Done {
  epoch: number
  batch: number
}

/** Consecutive batches of an epoch: `from` … `to` − 1. */
interface Batches {
  from: number
  to: number
}

/** Batches whose gradients make one update. */
export interface Window extends Batches {
  /** weight of each batch's gradient: one over the batches */
  share: number
}

/**
 * The accumulation windows of an epoch. Each ends with an update; the epoch may end within the last one. Ranks share the batches of a window in
 * runs of `size`, in their order: in the last window of an epoch, the last ranks may have fewer or none.
 */
export class Windows {
  /** updates in an epoch */
  readonly perEpoch: number
  /** batches of a rank in the longest window */
  readonly longest: number
  private readonly batches: number
  private readonly size: number
  private readonly whole: number

  /** `batches`: in an epoch. `size`: of a rank in a full window. */
  constructor(batches: number, size: number, ranks = 1) {
    this.batches = batches
    this.size = size
    this.whole = size * ranks
    this.perEpoch = Math.ceil(batches / this.whole)
    this.longest = Math.min(size, batches)
  }

  /** Those of an epoch from the one of batch `first` on. */
  *from(first: number): Generator<Window> {
    for (let from = first; from < this.batches; ) {
      const start = from - (from % this.whole)
      const to = Math.min(start + this.whole, this.batches)
      yield { from, to, share: 1 / (to - start) }
      from = to
    }
  }

  /** The rank that a batch belongs to. */
  rankOf(batch: number): number {
    return Math.floor((batch % this.whole) / this.size)
  }

  /** The batches of a window that belong to a rank. */
  dealt({ from, to }: Batches, rank: number): Batches {
    const start = from - (from % this.whole) + rank * this.size
    const first = Math.min(Math.max(from, start), to)
    return { from: first, to: Math.max(first, Math.min(start + this.size, to)) }
  }

  /** The update that ends the window of a batch, counted from the start of the run. */
  updateOf({ epoch, batch }: Done): number {
    return epoch * this.perEpoch + Math.floor(batch / this.whole)
  }

  /** Updates from the start of the run to a place right after one. */
  updatesUntil({ epoch, batch }: Done): number {
    return epoch * this.perEpoch + Math.ceil(batch / this.whole)
  }
}

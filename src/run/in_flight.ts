/** Submitted work that nobody has awaited yet, oldest first. Failures are thrown in this order too. */
export class InFlight {
  private readonly pending: Promise<void>[] = []
  private handedOver: Promise<void> = Promise.resolve()

  /**
   * Runs `body`, which adds work, and waits for the rest at the end. If `body` fails, it waits too and ignores the results, so that none
   * arrives after the failure has been handled.
   */
  static async during(body: (pending: InFlight) => Promise<void>): Promise<void> {
    const inFlight = new InFlight()
    try {
      await body(inFlight)
      await inFlight.settle()
    } catch (error) {
      await Promise.allSettled(inFlight.pending)
      throw error
    }
  }

  add(work: Promise<void>): void {
    work.catch(() => undefined)
    this.pending.push(work)
  }

  /** As `add`. Also passes the result to `handle`, after the results of all work added this way before, and returns what that returns. */
  addInOrder<T, R>(work: Promise<T>, handle: (result: T) => R): Promise<R> {
    const handled = Promise.all([work, this.handedOver]).then(([result]) => handle(result))
    this.handedOver = handled.then(() => undefined)
    this.add(this.handedOver)
    return handled
  }

  /** Waits until at most `left` are in flight. */
  async settle(left = 0): Promise<void> {
    while (this.pending.length > left) await this.pending.shift()
  }

  /** Waits for everything and ignores failures. */
  async drain(): Promise<void> {
    await Promise.allSettled(this.pending.splice(0))
  }
}

/** Steps that the GPU may have queued at once; the next one waits for the oldest. */
export const STEPS_IN_FLIGHT = 2

import type { AdapterFacts } from '../graph/kernel.ts'

/** Work that was submitted and not yet waited for, oldest first. A failure is thrown when its turn comes, never earlier. */
export class InFlight {
  private readonly pending: Promise<void>[] = []
  private handedOver: Promise<void> = Promise.resolve()

  /**
   * Runs `body`, which adds work, and waits for all that is left at its end; also when it fails, whatever then comes of the work:
   * nothing may arrive after the failure was handled.
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

  /** As `add`, and hands the result to `handle` after the results of all work that was added so before it; promises what that gives. */
  addInOrder<T, R>(work: Promise<T>, handle: (result: T) => R): Promise<R> {
    const handled = Promise.all([work, this.handedOver]).then(([result]) => handle(result))
    this.handedOver = handled.then(() => undefined)
    this.add(this.handedOver)
    return handled
  }

  /** Waits until at most `left` are on their way. */
  async settle(left = 0): Promise<void> {
    while (this.pending.length > left) await this.pending.shift()
  }

  /** Waits for all of it, whatever becomes of it. */
  async drain(): Promise<void> {
    await Promise.allSettled(this.pending.splice(0))
  }
}

/** Steps that may be on their way through the GPU at once; a further one waits for the oldest. */
export const STEPS_IN_FLIGHT = 2

/** Longest work of one submit: desktops reset a GPU that does not answer for a second or two. */
export const SECONDS_PER_SUBMIT = 0.5

/** How many submits a step of this length is to be cut into. A software adapter has no watchdog. */
export function submitsFor(facts: AdapterFacts, secondsPerStep: number): number {
  return facts.software ? 1 : Math.max(1, Math.ceil(secondsPerStep / SECONDS_PER_SUBMIT))
}

import { bytesFor } from '../graph/tensor.ts'
import type { Lowered } from './lower.ts'

/** What a slow integrated GPU does in a second, with kernels that suit it badly. */
const SLOW = { flops: 20e9, bytes: 4e9 }

/** Seconds of a dispatch on such a GPU: its multiply-adds, and every binding read or written once. */
export function slowSeconds({ flops, bound }: Pick<Lowered, 'flops' | 'bound'>): number {
  const bytes = bound.reduce((sum, { length, tensor }) => sum + bytesFor(length, tensor.dtype), 0)
  return flops / SLOW.flops + bytes / SLOW.bytes
}

/**
 * How many submits a plan is replayed in, so that none triggers a desktop GPU's watchdog. Until a replay has been timed, the GPU is taken
 * for a slow one.
 */
export class Submits {
  private readonly longest: number
  private readonly inFlight: number
  /** seconds of the last replays, and of the plan on a slow GPU until there is one */
  private recent: number[]
  private isTimed = false
  /** when the last replay ended, in milliseconds */
  private ended = 0

  /** `slow`: seconds of a replay on a slow GPU; `inFlight`: replays that may be pending; `longest`: seconds that a submit may take */
  constructor(slow: number, inFlight: number, longest = Number.POSITIVE_INFINITY) {
    this.recent = [slow]
    this.inFlight = inFlight
    this.longest = longest
  }

  /** By the longest of as many replays as may be pending: if this thread was busy, their results arrive at once, the first of them late. */
  get count(): number {
    return Math.max(1, Math.ceil(Math.max(...this.recent) / this.longest))
  }

  /**
   * Learns from a replay: when it was submitted and when its results arrived, in milliseconds. One that was submitted while another ran
   * began when that ended. Other work on the queue makes it look longer, and the submits shorter.
   */
  took(submitted: number, arrived: number): void {
    const seconds = (arrived - Math.max(submitted, this.ended)) / 1000
    this.recent = [...(this.isTimed ? this.recent : []), seconds].slice(-this.inFlight)
    this.isTimed = true
    this.ended = arrived
  }
}

import { createHash } from 'node:crypto'
import type { Ranks } from '../../distributed/ranks.ts'
import type { BatchResult } from '../../run/batch_result.ts'
import { flushesSubnormals } from '../../run/subnormals.ts'
import type { RunVariants } from '../../run/variants.ts'
import { FixedChoice } from '../../tune/choice.ts'
import type { TrainingEngine } from '../engine.ts'
import { packResults, type StopReason, unpackResults } from './results.ts'

/** Ranks no longer train the same model. */
class DifferingRankError extends Error {
  override name = 'DifferingRankError'
}

/** What the ranks of a training tell each other. All call the same methods in the same order. A rank that is alone hears only itself. */
export class Team {
  readonly ranks: Ranks
  private readonly asked: AbortSignal
  private readonly agreed = new AbortController()
  private last: Promise<unknown> = Promise.resolve()
  private isFlushing: boolean | undefined
  private gradients: Float32Array = new Float32Array(0)

  /** `asked` is aborted when this rank shall stop. */
  constructor(ranks: Ranks, asked: AbortSignal) {
    this.ranks = ranks
    this.asked = asked
  }

  get isAlone(): boolean {
    return this.ranks.size === 1
  }

  /** Aborted when training stops: at once in a rank that is alone, else at the same place in all of them. */
  get stop(): AbortSignal {
    return this.isAlone ? this.asked : this.agreed.signal
  }

  /**
   * The results of all ranks, in their order, given those of this one. A rank that has been asked to stop says so. Rounds may overlap: `heed` says
   * when their results count.
   */
  share(own: readonly Promise<BatchResult>[]): Promise<Uint8Array[]> {
    const results = Promise.all(own)
    results.catch(() => undefined)
    const stop = this.asked.aborted ? stopReason(this.asked) : undefined
    const shared = this.last.then(async () => this.ranks.gather(packResults({ results: await results, stop })))
    this.last = shared.catch(() => undefined)
    return shared
  }

  /** Takes the results of a round, and the decision of any rank to stop: now, in all ranks. */
  heed(round: readonly Uint8Array[]): BatchResult[] {
    const ranks = round.map(unpackResults)
    const stop = ranks.find(rank => rank.stop)?.stop
    if (stop) this.agreed.abort(stop)
    return ranks.flatMap(({ results }) => results)
  }

  /**
   * Ends a window: its gradient becomes the sum over those of the first `contributing` ranks, and the statistics of all batches are committed in
   * their order.
   * @param own of this rank's batches
   * @returns of all batches
   */
  async finishWindow(
    engine: TrainingEngine,
    own: readonly Promise<BatchResult>[],
    contributing: number,
  ): Promise<BatchResult[]> {
    const { storage, state, device } = engine
    this.isFlushing ??= await flushesSubnormals(device)
    const results = this.heed(await this.share(own))
    const gradient = await engine.windowGradient()
    if (this.gradients.length !== gradient.length)
      this.gradients = new Float32Array(new SharedArrayBuffer(gradient.byteLength))
    this.gradients.set(gradient)
    await this.ranks.sum(this.gradients, { contributing, flush: this.isFlushing })
    gradient.set(this.gradients)
    storage.writeArena(state.gradients, gradient)
    for (const result of results) engine.commit(result)
    return results
  }

  /** The variants that rank 0 fixes, for all ranks: they determine the order of sums. */
  async variantsOfRank0(fix: () => Promise<RunVariants>): Promise<RunVariants> {
    if (this.isAlone) return fix()
    const own = this.ranks.rank === 0 ? await fix() : null
    const [first] = await this.ranks.gatherValues(own && { origin: own.origin, fixed: own.fixed.toRecord() })
    const { origin, fixed } = first!
    return { origin, fixed: FixedChoice.fromRecord(fixed, 'rank 0')! }
  }

  /** Compares what is trained over all ranks. Throws DifferingRankError, which names the first that differs from rank 0. */
  async compare(when: string, { storage, state, optimizer }: TrainingEngine): Promise<void> {
    if (this.isAlone) return
    const hash = createHash('sha256')
    for (const arena of [state.parameters, state.running, ...optimizer.arenas])
      hash.update(await storage.readArena(arena))
    const digests = await this.ranks.gatherValues(hash.digest('hex'))
    const other = digests.findIndex(digest => digest !== digests[0])
    if (other < 0) return
    const { host } = this.ranks.members[other]!
    throw new DifferingRankError(`rank ${other} on ${host} no longer has the weights of rank 0 ${when}`)
  }
}

function stopReason({ reason }: AbortSignal): StopReason {
  return reason === 'TIMEOUT' ? 'TIMEOUT' : 'INTERRUPTED'
}

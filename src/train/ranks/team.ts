import { createHash } from 'node:crypto'
import type { Ranks } from '../../distributed/ranks.ts'
import type { Device } from '../../gpu/device.ts'
import type { Arena } from '../../graph/arena.ts'
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

/** What a rank computes on. */
export interface RankAdapter {
  name: string
  driver: string
}

/** What a rank has of a window when it has submitted its last batch. */
interface FinishedWindow {
  own: readonly Promise<BatchResult>[]
  parts: readonly Promise<Float32Array>[]
  contributing: number
}

/** What the ranks of a training tell each other. All call the same methods in the same order. A rank that is alone hears only itself. */
export class Team {
  readonly ranks: Ranks
  private readonly asked: AbortSignal
  private readonly agreed = new AbortController()
  /** of all ranks, in their order; set by `meet` */
  adapters: readonly RankAdapter[] = []
  private last: Promise<unknown> = Promise.resolve()
  private isFlushing: boolean | undefined
  /** shared with MPI's thread; one for each part of the gradients */
  private parts: readonly Float32Array[] = []

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

  /** Tells each other the adapters. */
  async meet({ opened }: Device): Promise<void> {
    this.adapters = await this.ranks.gatherValues({ name: opened.name, driver: opened.info.description })
  }

  /** Whether ranks differ in their adapters or drivers, so that the same operations may have different bits. Rank 0 then decides what the weights are. */
  get isMixed(): boolean {
    return new Set(this.adapters.map(({ name, driver }) => `${name} (${driver})`)).size > 1
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
   * their order. Each part of the gradient is exchanged as soon as this rank has it, while the adapter works on those behind it.
   * @param own of this rank's batches
   * @param parts of its gradient, as `engine.accumulateLast` returns them; none if it has no batches
   * @returns of all batches
   */
  async finishWindow(engine: TrainingEngine, { own, parts, contributing }: FinishedWindow): Promise<BatchResult[]> {
    this.isFlushing ??= await flushesSubnormals(engine.device)
    if (this.parts.length === 0)
      this.parts = engine.parts.map(({ length }) => new Float32Array(new SharedArrayBuffer(4 * length)))
    const sums: Promise<void>[] = []
    for (const [i, values] of this.parts.entries()) {
      if (parts.length > 0) values.set(await parts[i]!)
      const sum = this.ranks.sum(values, { contributing, flush: this.isFlushing })
      sum.catch(() => undefined) // awaited, and thrown, below
      sums.push(sum)
    }
    const results = this.heed(await this.share(own))
    for (const [i, sum] of sums.entries()) {
      await sum
      engine.writePart(i, this.parts[i]!)
    }
    for (const result of results) engine.commit(result)
    return results
  }

  /** The variants that rank 0 fixes, for all ranks: they determine the order of sums. Different adapters have different variants, each its own. */
  async variantsOfRank0(fix: () => Promise<RunVariants>): Promise<RunVariants> {
    if (this.isAlone || this.isMixed) return fix()
    const own = this.ranks.rank === 0 ? await fix() : null
    const [first] = await this.ranks.gatherValues(own && { origin: own.origin, fixed: own.fixed.toRecord() })
    const { origin, fixed } = first!
    return { origin, fixed: FixedChoice.fromRecord(fixed, 'rank 0')! }
  }

  /** Call after an update: where adapters differ, the model of rank 0 replaces those of the others. */
  async align({ storage, state, optimizer }: TrainingEngine): Promise<void> {
    if (!this.isMixed) return
    const isFirst = this.ranks.rank === 0
    for (const arena of modelArenas({ state, optimizer })) {
      const values = new Float32Array(new SharedArrayBuffer(4 * arena.length))
      if (isFirst) values.set(await storage.readArena(arena))
      await this.ranks.broadcast(new Uint8Array(values.buffer))
      if (!isFirst) storage.writeElements(arena, 0, values)
    }
  }

  /** Compares what is trained over all ranks. Throws DifferingRankError, which names the first that differs from rank 0. */
  async compare(when: string, { storage, state, optimizer }: TrainingEngine): Promise<void> {
    if (this.isAlone) return
    const hash = createHash('sha256')
    const moments = this.isMixed ? [] : optimizer.moments
    for (const arena of [...modelArenas({ state, optimizer }), ...moments]) hash.update(await storage.readArena(arena))
    const digests = await this.ranks.gatherValues(hash.digest('hex'))
    const other = digests.findIndex(digest => digest !== digests[0])
    if (other < 0) return
    const { host } = this.ranks.members[other]!
    throw new DifferingRankError(`rank ${other} on ${host} no longer has the weights of rank 0 ${when}`)
  }
}

/** What makes the model: weights, running statistics and the averages of both. */
function modelArenas({ state, optimizer: { averaged } }: Pick<TrainingEngine, 'state' | 'optimizer'>): Arena[] {
  return [state, ...(averaged ? [averaged] : [])].flatMap(({ parameters, running }) => [parameters, running])
}

function stopReason({ reason }: AbortSignal): StopReason {
  return reason === 'TIMEOUT' ? 'TIMEOUT' : 'INTERRUPTED'
}

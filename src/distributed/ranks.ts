import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { ContractError, InputError } from '../util/error.ts'
import { ThreadPool } from '../util/thread_pool.ts'
import { PeerFailedError, RankTimeoutError } from './faults.ts'
import { launchOf } from './launcher.ts'
import type { Order, Outcomes } from './mpi.worker.ts'

/** One of the processes that train together. */
export interface Member {
  rank: number
  host: string
  pid: number
  /** position among the ranks of its host */
  localRank: number
}

/** s: a rank waits so long for the others where nothing else is said. */
const DEFAULT_TIMEOUT = 600
/** ms that MPI's thread has beyond a limit to say itself what it waits for */
const THREAD_SPEAKS = 5000

type OutcomeOf<Kind> = Kind extends keyof Outcomes ? Outcomes[Kind] : undefined

/**
 * The processes that work on one task, and what they do together. Every method but `fail` is called by all ranks in the same order; calls may be
 * made without awaiting the earlier ones, which MPI's thread makes one after another. A process that no launcher started is the only rank: all of
 * this then returns at once, and nothing is loaded.
 *
 * Where a rank fails or does not come, the others' calls reject: with PeerFailedError if the failed rank says why, with RankTimeoutError after
 * `timeout`.
 */
export class Ranks {
  /** from 0 */
  readonly rank: number
  readonly size: number
  /** in the order of ranks */
  members: readonly Member[]
  /** e.g. 'Open MPI v4.1.4'; undefined for the only rank */
  readonly library: string | undefined
  /** s that a rank waits for the others */
  timeout = DEFAULT_TIMEOUT
  private readonly thread: ThreadPool<Order, unknown> | undefined

  private constructor(thread?: ThreadPool<Order, unknown>, joined?: Outcomes['join']) {
    this.thread = thread
    this.rank = joined?.rank ?? 0
    this.size = joined?.size ?? 1
    this.library = joined?.library
    this.members = [{ rank: 0, host: hostname(), pid: process.pid, localRank: 0 }]
  }

  /** A process of its own. */
  static alone(): Ranks {
    return new Ranks()
  }

  /**
   * Joins the other processes of the launcher that started this one; without a launcher it is the only rank.
   * @throws InputError if koffi or the MPI library is missing
   */
  static async join(): Promise<Ranks> {
    const launch = launchOf(process.env)
    if (!launch || launch.size === 1) return Ranks.alone()
    keepMalloc()
    const thread = new ThreadPool<Order, unknown>({ beside: import.meta.url, name: 'mpi', title: "MPI's thread" })
    const joined = await answered(thread, { order: 'join', launch }, DEFAULT_TIMEOUT * 1000)
    const ranks = new Ranks(thread, joined)
    const all = await ranks.gatherValues({ host: hostname(), pid: process.pid })
    ranks.members = all.map(({ host, pid }, rank) => {
      return { rank, host, pid, localRank: all.slice(0, rank).filter(other => other.host === host).length }
    })
    await ranks.ask({ order: 'name', names: ranks.members.map(nameOf) })
    return ranks
  }

  /** This process among its members. */
  get self(): Member {
    return this.members[this.rank]!
  }

  /** 'rank 1 on node7' */
  get name(): string {
    return nameOf(this.self)
  }

  /** Waits until all ranks are here. */
  async barrier(): Promise<void> {
    if (this.size > 1) await this.ask({ order: 'barrier', limit: this.limit })
  }

  /** Replaces `bytes` by those of rank `from`; they have the same length on all ranks. */
  async broadcast(bytes: Uint8Array, from = 0): Promise<void> {
    if (this.size === 1) return
    await inSharedMemory(bytes, shared => this.ask({ order: 'broadcast', bytes: shared, from, limit: this.limit }))
  }

  /** The bytes of every rank, in the order of ranks; they may differ in length. */
  async gather(bytes: Uint8Array): Promise<Uint8Array[]> {
    if (this.size === 1) return [bytes.slice()]
    return this.ask({ order: 'gather', bytes, limit: this.limit })
  }

  /** A small value of every rank, in the order of ranks. It travels as JSON. */
  async gatherValues<T>(value: T): Promise<T[]> {
    if (this.size === 1) return [value]
    const all = await this.gather(Buffer.from(JSON.stringify(value)))
    return all.map(bytes => JSON.parse(Buffer.from(bytes).toString('utf8')) as T)
  }

  /**
   * Sums gradients: `values`, float32 (elements) of one length on all ranks, become the sum of those of ranks 0 … contributing − 1, on all ranks
   * and with the same bits. They are added as a balanced binary tree in the order of ranks (see `addTree`); those of other ranks are ignored.
   * 2·(size − 1) / size of the array leave each rank. An array in a SharedArrayBuffer is summed where it is, another one is copied twice.
   * @param flush whether subnormal numbers count as zero, as the adapter has them
   */
  async sum(values: Float32Array, { contributing, flush }: { contributing: number; flush: boolean }): Promise<void> {
    if (contributing < 1 || contributing > this.size)
      throw new ContractError('sum', 'contributing', contributing, `1 to ${this.size}`)
    if (this.size === 1) return
    await inSharedMemory(values, shared =>
      this.ask({ order: 'sum', values: shared, contributing, flush, limit: this.limit }),
    )
  }

  /**
   * Refuses ranks that differ in what must be the same.
   * @param what e.g. 'the dataset'
   * @throws InputError that names rank 0 and the first rank that differs, and both values
   */
  async requireSame(what: string, value: string): Promise<void> {
    const all = await this.gatherValues(value)
    const other = all.findIndex(each => each !== all[0])
    if (other < 0) return
    const [first, second] = [0, other].map(rank => `${nameOf(this.members[rank]!)} has ${all[rank]}`)
    throw new InputError(`${what} must be the same on all ranks, but ${first} and ${second}`)
  }

  /**
   * Tells the others that this rank ends with `reason`, which makes them end too. Whether the user must still be told: not if a lower rank ends
   * for the same reason. The caller then ends the process with an exit code other than 0.
   */
  async fail(reason: string): Promise<boolean> {
    if (this.size === 1) return true
    const isSaid = await answered(this.thread!, { order: 'fail', reason }, 0).catch(() => false)
    return !isSaid
  }

  /** Leaves together with the other ranks; nothing can be exchanged any more. */
  async leave(): Promise<void> {
    if (this.size === 1) return
    await this.ask({ order: 'leave', limit: this.limit })
    await this.thread!.close()
  }

  private get limit(): number {
    return this.timeout * 1000
  }

  private ask<Kind extends Order['order']>(order: Extract<Order, { order: Kind }>): Promise<OutcomeOf<Kind>> {
    return answered(this.thread!, order, 'limit' in order ? order.limit : this.limit)
  }
}

function nameOf({ rank, host }: Member): string {
  return `rank ${rank} on ${host}`
}

/**
 * MPICH's UCX replaces malloc in a process that has long used it: memory that node holds is then returned to the system, and node crashes. Only
 * the environment of the process, not of a thread, reaches the library.
 */
function keepMalloc(): void {
  process.env.UCX_MEM_MALLOC_HOOKS ??= 'n'
}

/** MPI's thread ends its waits itself; that a call does not come back at all is seen here. Earlier orders delay it. */
async function answered<Kind extends Order['order']>(
  thread: ThreadPool<Order, unknown>,
  order: Extract<Order, { order: Kind }>,
  limit: number,
): Promise<OutcomeOf<Kind>> {
  const patience = (limit + THREAD_SPEAKS) * (thread.load + 1)
  const timer = new AbortController()
  const late = delay(patience, undefined, { signal: timer.signal, ref: false }).then(() => {
    const seconds = Math.round(patience / 1000)
    throw new RankTimeoutError(`MPI has not come back from ${order.order} for ${seconds} s (compute.rank_timeout)`)
  })
  try {
    return (await Promise.race([thread.ask(order), late])) as OutcomeOf<Kind>
  } catch (error) {
    throw restored(error)
  } finally {
    timer.abort()
    late.catch(() => undefined)
  }
}

/** An error of the thread, which has kept its name and its message only. */
function restored(error: unknown): unknown {
  const kinds = { InputError, PeerFailedError, RankTimeoutError }
  if (!(error instanceof Error)) return error
  const kind = kinds[error.name as keyof typeof kinds]
  return kind ? new kind(error.message) : error
}

/** Has `body` change the array in memory that MPI's thread sees too. */
async function inSharedMemory<T extends Uint8Array | Float32Array>(
  array: T,
  body: (shared: T) => Promise<unknown>,
): Promise<void> {
  if (array.buffer instanceof SharedArrayBuffer) {
    await body(array)
    return
  }
  const memory = new SharedArrayBuffer(array.byteLength)
  const shared = (array instanceof Float32Array ? new Float32Array(memory) : new Uint8Array(memory)) as T
  shared.set(array)
  await body(shared)
  array.set(shared)
}

import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { ContractError, InputError, messageOf } from '../util/error.ts'
import { isAlive } from '../util/system/processes.ts'
import { ThreadPool } from '../util/thread_pool.ts'
import { LostRankError, PeerFailedError, RankTimeoutError } from './faults.ts'
import { launchOf } from './launcher.ts'
import type { Order, Outcomes } from './mpi.worker.ts'
import { watch } from './watch.ts'

/** One of the processes that train together. */
export interface Member {
  rank: number
  host: string
  pid: number
  /** position among the ranks of its host */
  localRank: number
}

/** ms that MPI's thread has beyond a limit to say itself what it waits for, and to tell the others of a fault */
const THREAD_SPEAKS = 10_000
const THREAD_TELLS = 3000
/** ms; a longer timer of Node ends at once */
const LONGEST_TIMER = 2 ** 31 - 1
/** ms that a rank stays which another one's fault ends: launchers kill all once the first is gone, and the other has to say its line */
const OTHER_SPEAKS = 3000
/** ms for MPI's thread to find out what a rank that is gone has said before */
const LAST_WORDS = 100

type OutcomeOf<Kind> = Kind extends keyof Outcomes ? Outcomes[Kind] : undefined

/**
 * The processes that work on one task, and what they do together. Every method but `fail` is called by all ranks in the same order; calls may be
 * made without awaiting the earlier ones, which MPI's thread makes one after another. A process that no launcher started is the only rank: all of
 * this then returns at once, and nothing is loaded.
 *
 * Where a rank fails or does not come, the others' calls reject: with PeerFailedError if the failed rank says why, with LostRankError if a process
 * of this host or the launcher is gone, with RankTimeoutError after `timeout`.
 */
export class Ranks {
  /** from 0 */
  readonly rank: number
  readonly size: number
  /** in the order of ranks */
  members: readonly Member[]
  /** e.g. 'Open MPI v4.1.4'; undefined for the only rank */
  readonly library: string | undefined
  /** s that a rank waits for the others; without a limit where each works on a share of its own, which may take hours */
  timeout = Number.POSITIVE_INFINITY
  /** Resolves with PeerFailedError or LostRankError when this rank cannot go on, also while it makes no call. */
  readonly lost: Promise<Error>
  private readonly thread: ThreadPool<Order, unknown> | undefined
  private readonly end: Int32Array
  private watching: { stop(): void } | undefined
  private lose: (error: Error) => void = () => undefined
  private fault: Error | undefined
  private readonly waiting = new Set<(error: Error) => void>()

  private constructor(
    thread?: ThreadPool<Order, unknown>,
    joined?: Outcomes['join'],
    end: Int32Array = new Int32Array(1),
  ) {
    this.thread = thread
    this.end = end
    this.rank = joined?.rank ?? 0
    this.size = joined?.size ?? 1
    this.library = joined?.library
    this.members = [{ rank: 0, host: hostname(), pid: process.pid, localRank: 0 }]
    this.lost = new Promise(resolve => {
      this.lose = resolve
    })
  }

  /** A process of its own. */
  static alone(): Ranks {
    return new Ranks()
  }

  /**
   * Joins the other processes of the launcher that started this one, and waits for them up to `timeout` s; without a launcher it is the only rank.
   * @throws InputError if koffi or the MPI library is missing
   */
  static async join(timeout: number): Promise<Ranks> {
    const launch = launchOf(process.env)
    if (!launch || launch.size === 1) return Ranks.alone()
    keepMalloc()
    const thread = new ThreadPool<Order, unknown>({ beside: import.meta.url, name: 'mpi', title: "MPI's thread" })
    const end = new Int32Array(new SharedArrayBuffer(4))
    const joined = await answered(thread, { order: 'join', launch, end }, timeout * 1000)
    const ranks = new Ranks(thread, joined, end)
    ranks.timeout = timeout
    const all = await ranks.gatherValues({ host: hostname(), pid: process.pid })
    ranks.members = all.map(({ host, pid }, rank) => {
      return { rank, host, pid, localRank: all.slice(0, rank).filter(other => other.host === host).length }
    })
    await ranks.ask({ order: 'name', names: ranks.members.map(nameOf) })
    const others = ranks.neighbours.filter(({ rank }) => rank !== ranks.rank)
    const watched = others.map(member => ({ name: nameOf(member), pid: member.pid }))
    ranks.watching = watch(watched, ({ name, pid }) => ranks.missed(`${name} (process ${pid}) has died`))
    return ranks
  }

  /** This process among its members. */
  get self(): Member {
    return this.members[this.rank]!
  }

  /** The members on this host, this one included. */
  get neighbours(): Member[] {
    return this.members.filter(({ host }) => host === this.self.host)
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
   * Ends the others because this rank ends with `error`. Whether the user must still be told: not if another rank tells. The caller then ends the
   * process with an exit code other than 0.
   */
  async fail(error: unknown): Promise<boolean> {
    if (this.size === 1) return true
    Atomics.store(this.end, 0, 1)
    const isMine = await this.tells(error)
    if (!isMine) await delay(OTHER_SPEAKS)
    return isMine
  }

  private async tells(error: unknown): Promise<boolean> {
    if (error instanceof PeerFailedError) return false
    const isLost = error instanceof LostRankError
    if (isLost && this.neighbours.some(({ rank, pid }) => rank < this.rank && isAlive(pid))) return false
    const order = { order: 'fail', reason: messageOf(error), isShared: !isLost } as const
    const isTold = await answered(this.thread!, order, THREAD_TELLS).catch(() => false)
    return !isTold
  }

  /** Leaves together with the other ranks; nothing can be exchanged any more. */
  async leave(): Promise<void> {
    if (this.size === 1) return
    this.watching?.stop()
    await this.ask({ order: 'leave', limit: this.limit })
    await this.thread!.close()
  }

  /** A process is gone. If it was a rank that had failed, it has said why. */
  private async missed(what: string): Promise<void> {
    if (Atomics.load(this.end, 0) !== 0) return
    const heard = this.thread!.ask({ order: 'hear' }).then(
      () => undefined,
      (error: unknown) => restored(error),
    )
    const known = await Promise.race([heard, delay(LAST_WORDS)])
    this.fault = known instanceof PeerFailedError ? known : new LostRankError(what)
    for (const reject of this.waiting) reject(this.fault)
    this.lose(this.fault)
  }

  private get limit(): number {
    return this.timeout * 1000
  }

  private ask<Kind extends Order['order']>(order: Extract<Order, { order: Kind }>): Promise<OutcomeOf<Kind>> {
    if (this.fault) return Promise.reject(this.fault)
    return new Promise((resolve, reject) => {
      this.waiting.add(reject)
      const limit = 'limit' in order ? order.limit : this.limit
      answered(this.thread!, order, limit + THREAD_SPEAKS)
        .then(resolve, reject)
        .finally(() => this.waiting.delete(reject))
    })
  }
}

function nameOf({ rank, host }: Member): string {
  return `rank ${rank} on ${host}`
}

/**
 * MPICH's UCX replaces malloc, and writes its own code over mmap, munmap and brk, in a process whose threads are using them: memory that node holds
 * is then returned to the system, and node crashes, now and then. Only the environment of the process, not of a thread, reaches the library.
 */
function keepMalloc(): void {
  process.env.UCX_MEM_EVENTS ??= 'n'
  process.env.UCX_MEM_MALLOC_HOOKS ??= 'n'
  process.env.UCX_MEM_MMAP_HOOK_MODE ??= 'none'
}

/** MPI's thread ends its waits itself; that a call does not come back at all is seen here. Earlier orders delay it. */
async function answered<Kind extends Order['order']>(
  thread: ThreadPool<Order, unknown>,
  order: Extract<Order, { order: Kind }>,
  limit: number,
): Promise<OutcomeOf<Kind>> {
  const patience = Math.min(limit * (thread.load + 1), LONGEST_TIMER)
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

import { PeerFailedError, RankTimeoutError } from './faults.ts'
import type { Launch } from './launcher.ts'
import { type Begun, Mpi, type Parts } from './mpi.ts'
import { addTree } from './tree.ts'

/** bytes of a fault as it travels; longer ones are cut */
const FAULT_BYTES = 2048
const TAG = { arrival: 1, fault: 2 } as const
/** Polls without a pause, in case the others are there already; then pauses of so many ms, so that a waiting rank leaves its core to the adapter. */
const EAGER_POLLS = 20
const PAUSES = { first: 0.05, most: 1, growth: 1.02 }
/** ms that a failed rank waits for a lower one with the same fault, which then says it for both */
const SAME_FAULT = 1000
/** ms for a fault to leave, and for one that has left to arrive: a message may need several polls */
const DELIVERY = 300
const ARRIVAL = 60
/** ms from the first rank that has heard all farewells to the last */
const ALL_ARE_HERE = 500
/** ms that rank 0 is given to name the ranks it misses before the others say that they wait */
const RANK_0_SPEAKS = 3000

/**
 * What ranks do together, one operation after another, in the same order on all of them. Rank 0 hears when each arrives at an operation, so that
 * it can name the missing. A fault of any rank ends the operation that the others wait in.
 */
export class Exchange {
  readonly mpi: Mpi
  private readonly pause = new Int32Array(new SharedArrayBuffer(4))
  private readonly end: Int32Array
  private readonly peers: readonly number[]
  private readonly faults: readonly { from: number; bytes: Uint8Array; begun: Begun }[]
  /** names of the ranks, for messages */
  names: readonly string[]
  private pieces = new Float32Array(0)

  /** Every wait ends once `end[0]`, in shared memory, is not 0. */
  constructor(launch: Launch, end: Int32Array) {
    this.mpi = new Mpi(launch)
    this.end = end
    const { rank, size } = this.mpi
    this.names = Array.from({ length: size }, (_, r) => `rank ${r}`)
    this.peers = this.names.map((_, r) => r).filter(r => r !== rank)
    this.faults = this.peers.map(from => {
      const bytes = new Uint8Array(FAULT_BYTES)
      return { from, bytes, begun: this.mpi.receive(bytes, from, TAG.fault) }
    })
  }

  barrier(limit: number): void {
    this.together('a barrier', limit, () => this.mpi.barrier())
  }

  /** Replaces `bytes`, of one length on all ranks, by those of rank `from`. */
  broadcast(bytes: Uint8Array, from: number, limit: number): void {
    this.together('a broadcast', limit, () => this.mpi.broadcast(bytes, from))
  }

  /** The bytes of every rank, which may differ in length. */
  gather(own: Uint8Array, limit: number): Uint8Array[] {
    const lengths = new Int32Array(this.mpi.size)
    const length = new Uint8Array(Int32Array.of(own.length).buffer)
    this.together('a gather', limit, () => this.mpi.gatherEqual(length, bytesOf(lengths)))
    const starts = startsOf(lengths)
    const all = new Uint8Array(totalOf(lengths))
    this.wait([this.mpi.gather(own, all, lengths, starts)], 'a gather', limit)
    return [...lengths].map((bytes, r) => all.slice(starts[r], starts[r]! + bytes))
  }

  /**
   * Replaces `values`, of one length on all ranks, by the tree sum of those of the first `contributing` ranks. Each rank owns a run of elements:
   * it gets the others' values of them, adds and hands the sums to all. So 2·(size − 1) / size of the array leave and reach each rank.
   */
  sum(values: Float32Array, contributing: number, flush: boolean, limit: number): void {
    const { rank, size } = this.mpi
    const each = Math.ceil(values.length / size)
    const owned = Int32Array.from(this.names, (_, r) => Math.max(0, Math.min(each, values.length - r * each)))
    const mine = owned[rank]!
    const isGiving = rank < contributing
    const starts = owned.map((_, r) => Math.min(r * each, values.length))
    const others = (counts: Int32Array, isOne: (r: number) => boolean): Int32Array =>
      counts.map((count, r) => (r !== rank && isOne(r) ? count : 0))
    const sent: Parts = { data: values, counts: others(owned, () => isGiving), starts }
    if (this.pieces.length < contributing * mine) this.pieces = new Float32Array(contributing * mine)
    const arriving = others(
      owned.map(() => mine),
      r => r < contributing,
    )
    const received: Parts = { data: this.pieces, counts: arriving, starts: startsOf(arriving) }
    this.together('a sum of gradients', limit, () => this.mpi.exchange(sent, received))
    const own = values.subarray(rank * each, rank * each + mine)
    const arrays = this.names.slice(0, contributing).map((_, r) => {
      if (r === rank) return own
      return received.data.subarray(received.starts[r], received.starts[r]! + mine)
    })
    addTree(arrays, flush)
    if (arrays[0] !== own) own.set(arrays[0]!)
    this.wait([this.mpi.gatherInPlace(values, owned, starts)], 'a sum of gradients', limit)
  }

  /**
   * Tells all ranks why this one ends. Whether a lower rank ends for the same reason, and will say so; that is waited for only where `isShared`: the
   * reason may be one of other ranks too.
   */
  fail(reason: string, isShared: boolean): boolean {
    const bytes = new Uint8Array(FAULT_BYTES)
    new TextEncoder().encodeInto(reason, bytes)
    const sent = this.peers.map(to => this.mpi.send(bytes, to, TAG.fault))
    const lower = this.faults.filter(({ from }) => from < this.mpi.rank)
    const isSame = (): boolean => lower.some(fault => fault.begun.isDone() && textOf(fault.bytes) === textOf(bytes))
    const start = performance.now()
    const patience = isShared && lower.length > 0 ? SAME_FAULT : 0
    for (;;) {
      const isSent = sent.map(each => each.isDone()).every(Boolean)
      if (isSame()) return true
      const waited = performance.now() - start
      if (waited >= patience && (isSent || waited >= patience + DELIVERY)) return false
      this.rest(PAUSES.most)
    }
  }

  /** Throws PeerFailedError if another rank has said why it ends, or says so while its message arrives. */
  hear(): void {
    const end = performance.now() + ARRIVAL
    while (performance.now() < end) {
      this.heedFaults()
      this.rest(PAUSES.most)
    }
  }

  /** Leaves together with all others, none of which has failed. */
  leave(limit: number): void {
    this.barrier(limit)
    const farewells = this.peers.map(to => this.mpi.send(new Uint8Array(FAULT_BYTES), to, TAG.fault))
    this.poll([...farewells, ...this.faults.map(({ begun }) => begun)], limit, () => 'some rank has not left')
    // no call lets MPI notice what the others close meanwhile, until all are here
    if (this.mpi.hangsOnClosed) this.rest(ALL_ARE_HERE)
    this.mpi.finalize()
  }

  /** Begins an operation of all ranks and waits for it; rank 0 learns who has arrived. */
  private together(what: string, limit: number, begin: () => Begun): void {
    const { rank } = this.mpi
    const token = (): Uint8Array => new Uint8Array(1)
    const arrivals =
      rank === 0
        ? this.peers.map(from => this.mpi.receive(token(), from, TAG.arrival))
        : [this.mpi.send(token(), 0, TAG.arrival)]
    this.wait([...arrivals, begin()], what, limit, rank === 0 ? arrivals : undefined)
  }

  private wait(begun: readonly Begun[], what: string, limit: number, arrivals: readonly Begun[] = []): void {
    const isFirst = this.mpi.rank === 0
    this.poll(begun, isFirst ? limit : limit + RANK_0_SPEAKS, seconds => {
      const missing = this.peers.filter((_, i) => arrivals[i]?.isDone() === false).map(r => this.names[r]!)
      const waited = `waited ${seconds.toFixed(0)} s in ${what} (compute.rank_timeout)`
      if (missing.length > 0) return `${waited} for ${missing.join(', ')}`
      return isFirst
        ? `${waited}: all ranks are there, the network stands still`
        : `${waited} for ${this.names[0]} to answer`
    })
  }

  private poll(begun: readonly Begun[], limit: number, describe: (seconds: number) => string): void {
    const start = performance.now()
    let left = begun
    let pause = PAUSES.first
    for (let polls = 0; ; polls++) {
      left = left.filter(each => !each.isDone())
      if (left.length === 0) return
      if (polls < EAGER_POLLS) continue
      if (Atomics.load(this.end, 0) !== 0) throw new Error('this rank ends')
      this.heedFaults()
      const waited = performance.now() - start
      if (waited > limit) throw new RankTimeoutError(describe(waited / 1000))
      this.rest(pause)
      pause = Math.min(PAUSES.most, pause * PAUSES.growth)
    }
  }

  private heedFaults(): void {
    for (const { from, bytes, begun } of this.faults)
      if (begun.isDone() && textOf(bytes) !== '') throw new PeerFailedError(`${this.names[from]}: ${textOf(bytes)}`)
  }

  private rest(ms: number): void {
    Atomics.wait(this.pause, 0, 0, ms)
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Int32Array<ArrayBuffer>): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function totalOf(counts: Int32Array): number {
  return counts.reduce((sum, count) => sum + count, 0)
}

/** Where each of the parts starts that lie one after another. */
function startsOf(counts: Int32Array): Int32Array {
  const starts = new Int32Array(counts.length)
  for (let r = 1; r < counts.length; r++) starts[r] = starts[r - 1]! + counts[r - 1]!
  return starts
}

/** Text padded with zeros. */
function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return Buffer.from(bytes.subarray(0, end < 0 ? bytes.length : end)).toString('utf8')
}

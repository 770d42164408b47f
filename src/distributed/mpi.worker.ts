import { serve } from '../util/thread.ts'
import { Exchange } from './exchange.ts'
import type { Launch } from './launcher.ts'

/** What the thread does for its rank; arrays are in shared memory and changed in place. Limits are ms. */
export type Order =
  | { order: 'join'; launch: Launch; end: Int32Array }
  | { order: 'name'; names: readonly string[] }
  | { order: 'barrier'; limit: number }
  | { order: 'broadcast'; bytes: Uint8Array; from: number; limit: number }
  | { order: 'gather'; bytes: Uint8Array; limit: number }
  | { order: 'sum'; values: Float32Array; contributing: number; flush: boolean; limit: number }
  | { order: 'fail'; reason: string; isShared: boolean }
  | { order: 'hear' }
  | { order: 'leave'; limit: number }

/** What comes of an order; one that has nothing to say has `undefined`. */
export interface Outcomes {
  join: { rank: number; size: number; library: string }
  gather: Uint8Array[]
  /** whether a lower rank says the same */
  fail: boolean
}

let joined: Exchange | undefined

/** MPI's calls block, so they are made here; MPI is initialised in this thread, and no other calls it. */
serve((order: Order): Outcomes[keyof Outcomes] | undefined => {
  if (order.order === 'join') {
    joined = new Exchange(order.launch, order.end)
    const { rank, size, version } = joined.mpi
    return { rank, size, library: version }
  }
  const exchange = joined!
  switch (order.order) {
    case 'name':
      exchange.names = order.names
      return undefined
    case 'barrier':
      exchange.barrier(order.limit)
      return undefined
    case 'broadcast':
      exchange.broadcast(order.bytes, order.from, order.limit)
      return undefined
    case 'gather':
      return exchange.gather(order.bytes, order.limit)
    case 'sum':
      exchange.sum(order.values, order.contributing, order.flush, order.limit)
      return undefined
    case 'fail':
      return exchange.fail(order.reason, order.isShared)
    case 'hear':
      exchange.hear()
      return undefined
    case 'leave':
      exchange.leave(order.limit)
      return undefined
  }
})

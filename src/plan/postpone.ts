import type { Arena } from '../graph/arena.ts'
import { bytesOf, type Tensor } from '../graph/tensor.ts'
import type { Lowered } from './lower.ts'
import { slowSeconds } from './submits.ts'

type Bound = Lowered['bound'][number]

/** The gradients that a dispatch serves which serves nothing else. */
type Chore = ReadonlySet<Tensor>

/**
 * Orders a backward pass so that gradients of many bytes are finished early: dispatches of which only gradients of few bytes depend, for the time
 * that they take, move behind all that they need not precede. Every dispatch reads and writes what it did, so no bit changes; what moved ones read
 * has to live longer.
 */
export function postponed(dispatches: readonly Lowered[], gradients: Arena): Lowered[] {
  const chores = choresOf(dispatches)
  const density = densities(dispatches, chores)
  const all = [...density.values()]
  const mean = sum(all.map(({ bytes }) => bytes)) / sum(all.map(({ work }) => work))
  const isLight = (chore: Chore | undefined): boolean => {
    if (!chore) return false
    const own = [...chore].map(each => density.get(each)!)
    return sum(own.map(({ bytes }) => bytes)) < mean * sum(own.map(({ work }) => work))
  }
  const order = [...dispatches]
  for (let i = order.length - 1; i >= 0; i--) {
    const moved = order[i]!
    if (!isLight(chores.get(moved))) continue
    let to = i
    while (to + 1 < order.length && !conflicts(moved, order[to + 1]!, gradients)) to++
    order.splice(i, 1)
    order.splice(to, 0, moved)
  }
  return order
}

/** Those whose results reach nothing but gradients. */
function choresOf(dispatches: readonly Lowered[]): Map<Lowered, Chore> {
  const chores = new Map<Lowered, Chore>()
  /** gradients that readers of a temporary serve; undefined once something else reads it */
  const served = new Map<Tensor, Set<Tensor> | undefined>()
  for (const dispatch of dispatches.toReversed()) {
    const gradients = new Set<Tensor>()
    let isChore = true
    for (const { tensor, writes } of dispatch.bound) {
      if (!writes) continue
      if (tensor.kind === 'gradient') gradients.add(tensor)
      else if (tensor.kind !== 'temporary' || (served.has(tensor) && !served.get(tensor))) isChore = false
      else for (const each of served.get(tensor) ?? []) gradients.add(each)
    }
    if (isChore && gradients.size > 0) chores.set(dispatch, gradients)
    for (const { tensor } of dispatch.bound) {
      if (tensor.kind !== 'temporary') continue
      const known = served.has(tensor) ? served.get(tensor) : new Set<Tensor>()
      if (!chores.has(dispatch)) served.set(tensor, undefined)
      else served.set(tensor, known && new Set([...known, ...gradients]))
    }
  }
  return chores
}

/** The bytes of each gradient, and the work that only it needs. */
function densities(dispatches: readonly Lowered[], chores: ReadonlyMap<Lowered, Chore>) {
  const found = new Map<Tensor, { bytes: number; work: number }>()
  for (const dispatch of dispatches) {
    const chore = chores.get(dispatch)
    if (!chore) continue
    for (const gradient of chore) {
      const own = found.get(gradient) ?? { bytes: bytesOf(gradient), work: 0 }
      own.work += slowSeconds(dispatch) / chore.size
      found.set(gradient, own)
    }
  }
  return found
}

/** Whether one writes memory that the other binds. Only arenas have tensors that share memory; of those but gradients, every write counts. */
function conflicts({ bound: own }: Lowered, { bound: other }: Lowered, gradients: Arena): boolean {
  if ([...own, ...other].some(({ tensor, writes }) => writes && !['temporary', 'gradient'].includes(tensor.kind)))
    return true
  return own.some(a => other.some(b => (a.writes || b.writes) && isShared(a, b, gradients)))
}

function isShared(a: Bound, b: Bound, gradients: Arena): boolean {
  if (!gradients.has(a.tensor) || !gradients.has(b.tensor)) return a.tensor === b.tensor
  const [from, start] = [a, b].map(({ tensor, offset }) => gradients.offsetOf(tensor) + offset) as [number, number]
  return from < start + b.length && start < from + a.length
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

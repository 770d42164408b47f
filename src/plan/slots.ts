import { bytesOf, type Tensor } from '../graph/tensor.ts'
import { ContractError } from '../util/error.ts'
import type { Lowered } from './lower.ts'

/** First and last dispatch that touches a tensor. */
export interface Lifetime {
  tensor: Tensor
  first: number
  last: number
}

/** The slot of every temporary; slots are in descending size. */
export interface SlotTable {
  slotOf: ReadonlyMap<Tensor, number>
  /** bytes per slot */
  sizes: number[]
}

/** Lifetimes of the temporaries in order of first write. `kept` live to the end, because the host reads them. */
export function lifetimes(dispatches: readonly Lowered[], kept: readonly Tensor[]): Lifetime[] {
  const known = new Map<Tensor, Lifetime>()
  dispatches.forEach(({ bound, label }, at) => {
    for (const { tensor, writes, name } of bound) {
      if (tensor.kind !== 'temporary') continue
      const life = known.get(tensor)
      if (life) life.last = at
      else if (writes) known.set(tensor, { tensor, first: at, last: at })
      else throw new ContractError(label, `binding ${name}`, tensor.name, 'a tensor written by an earlier kernel')
    }
  })
  for (const tensor of kept) {
    const life = known.get(tensor)
    if (life) life.last = dispatches.length
    else if (tensor.kind === 'temporary')
      throw new ContractError('plan', 'output', tensor.name, 'a tensor written by a kernel')
  }
  return [...known.values()]
}

/**
 * Assigns a slot to each tensor. Tensors with overlapping lifetimes never share a slot, so no dispatch reads and writes the same
 * buffer. Greedy: the largest tensor first, into the smallest slot that is free for its whole lifetime. Slots therefore never
 * grow and end up in descending size, so several plans can share them one to one.
 */
export function assignSlots(lives: readonly Lifetime[]): SlotTable {
  const slots: { bytes: number; taken: Lifetime[] }[] = []
  const slotOf = new Map<Tensor, number>()
  const largestFirst = lives.toSorted((a, b) => bytesOf(b.tensor) - bytesOf(a.tensor) || a.first - b.first)
  for (const life of largestFirst) {
    const free = slots.findLastIndex(({ taken }) =>
      taken.every(other => other.last < life.first || other.first > life.last),
    )
    const index = free < 0 ? slots.push({ bytes: bytesOf(life.tensor), taken: [] }) - 1 : free
    slots[index]!.taken.push(life)
    slotOf.set(life.tensor, index)
  }
  return { slotOf, sizes: slots.map(({ bytes }) => bytes) }
}

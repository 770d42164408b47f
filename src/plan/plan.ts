import { aligned } from '../gpu/buffers.ts'
import type { Arena } from '../graph/arena.ts'
import type { AdapterFacts, Call } from '../graph/kernel.ts'
import type { Tensor } from '../graph/tensor.ts'
import { Deferrals } from './fuse.ts'
import { type Choice, type Lowered, lower } from './lower.ts'
import { postponed } from './postpone.ts'
import { assignSlots, lifetimes, type SlotTable } from './slots.ts'

/** A recorded step with a slot for every temporary. Its memory is known before anything is allocated. */
export interface Plan {
  name: string
  dispatches: Lowered[]
  slots: SlotTable
  /** tensors that the host reads after a step */
  outputs: readonly Tensor[]
  /** 2 · multiply-adds of a replay, as declared by the kernels */
  flops: number
}

export interface PlanOptions {
  /** from a tuned table */
  choice?: Choice
  /** gradients of which those of many bytes shall be finished early, at the price of memory */
  exchanged?: Arena
}

/** Drops dead dispatches: those that write only temporaries, none of which is an output or read later. */
function prune(dispatches: readonly Lowered[], outputs: readonly Tensor[]): Lowered[] {
  const needed = new Set<Tensor>(outputs)
  const lasting = dispatches.toReversed().filter(({ bound }) => {
    const used = bound.some(({ writes, tensor }) => writes && (tensor.kind !== 'temporary' || needed.has(tensor)))
    if (used) for (const { tensor } of bound) needed.add(tensor)
    return used
  })
  return lasting.reverse()
}

/** Lowers `calls` for an adapter, drops dead dispatches and assigns slots. Needs no GPU. */
export function makePlan(
  name: string,
  calls: readonly Call[],
  outputs: readonly Tensor[],
  facts: AdapterFacts,
  options: PlanOptions = {},
): Plan {
  const recorded = prune(lower(calls, facts, options.choice, new Deferrals(calls, outputs)), outputs)
  const dispatches = options.exchanged ? postponed(recorded, options.exchanged) : recorded
  const slots = assignSlots(lifetimes(dispatches, outputs))
  return { name, dispatches, slots, outputs, flops: dispatches.reduce((sum, { flops }) => sum + flops, 0) }
}

/** Size of each slot if several plans share them, one plan at a time. */
export function sharedSlotSizes(plans: readonly Plan[]): number[] {
  const count = Math.max(0, ...plans.map(({ slots }) => slots.sizes.length))
  return Array.from({ length: count }, (_, i) => aligned(Math.max(...plans.map(({ slots }) => slots.sizes[i] ?? 0))))
}

/** Total size of the slots that several plans share. */
export function slotBytes(plans: readonly Plan[]): number {
  return sharedSlotSizes(plans).reduce((sum, bytes) => sum + bytes, 0)
}

import { aligned } from '../gpu/buffers.ts'
import type { AdapterFacts, Call } from '../graph/kernel.ts'
import type { Tensor } from '../graph/tensor.ts'
import { Deferrals } from './fuse.ts'
import { type Choice, type Lowered, lower } from './lower.ts'
import { assignSlots, lifetimes, type SlotTable } from './slots.ts'

/** A recorded step with a place for every temporary: what it costs is known before anything is allocated. */
export interface Plan {
  name: string
  dispatches: Lowered[]
  slots: SlotTable
  /** tensors the host reads after a step */
  outputs: readonly Tensor[]
  /** multiply-adds · 2 of a replay, as far as the kernels tell */
  flops: number
}

export interface PlanOptions {
  /** from a tuned table */
  choice?: Choice
}

/** Drops dispatches whose results nobody reads: they write temporaries only, none of them an output or read later. */
function prune(dispatches: readonly Lowered[], outputs: readonly Tensor[]): Lowered[] {
  const needed = new Set<Tensor>(outputs)
  const lasting = dispatches.toReversed().filter(({ bound }) => {
    const used = bound.some(({ writes, tensor }) => writes && (tensor.kind !== 'temporary' || needed.has(tensor)))
    if (used) for (const { tensor } of bound) needed.add(tensor)
    return used
  })
  return lasting.reverse()
}

/** Lowers `calls` for an adapter, drops what no output and no lasting tensor needs, and assigns memory. Pure: no GPU work. */
export function makePlan(
  name: string,
  calls: readonly Call[],
  outputs: readonly Tensor[],
  facts: AdapterFacts,
  options: PlanOptions = {},
): Plan {
  const dispatches = prune(lower(calls, facts, options.choice, new Deferrals(calls, outputs)), outputs)
  const slots = assignSlots(lifetimes(dispatches, outputs))
  return { name, dispatches, slots, outputs, flops: dispatches.reduce((sum, { flops }) => sum + flops, 0) }
}

/** Bytes of each shared slot when several plans use the same slots in turn. */
export function sharedSlotSizes(plans: readonly Plan[]): number[] {
  const count = Math.max(0, ...plans.map(({ slots }) => slots.sizes.length))
  return Array.from({ length: count }, (_, i) => aligned(Math.max(...plans.map(({ slots }) => slots.sizes[i] ?? 0))))
}

/** Bytes of the shared slots of several plans. */
export function slotBytes(plans: readonly Plan[]): number {
  return sharedSlotSizes(plans).reduce((sum, bytes) => sum + bytes, 0)
}

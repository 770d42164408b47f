import type { Device } from '../gpu/device.ts'
import type { Arena } from '../graph/arena.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Plan } from '../plan/plan.ts'
import { SlotPool } from '../plan/runner.ts'
import { Storage, storageBytes } from '../plan/storage.ts'
import { Upload } from '../plan/upload.ts'
import { STEPS_IN_FLIGHT } from './in_flight.ts'
import { checkHostMemory, fitsHostMemory, type MemoryNeed } from './memory.ts'

/** What a way of running keeps between steps, the plans that share its slots, and what both take. */
export interface Layout {
  arenas: readonly Arena[]
  tensors: readonly Tensor[]
  plans: readonly Plan[]
  need: MemoryNeed
}

/** Allocates a layout, all or nothing. Throws OutOfMemoryError when the adapter cannot hold it. */
export async function allocate(
  device: Device,
  { arenas, tensors, plans, need }: Layout,
): Promise<{ storage: Storage; pool: SlotPool }> {
  checkHostMemory(device, need)
  const storage = new Storage(device)
  try {
    await device.guarded('lasting memory', () => {
      for (const arena of arenas) storage.addArena(arena)
      for (const t of tensors) storage.addTensor(t)
    })
    return { storage, pool: await SlotPool.allocate(device, plans) }
  } catch (error) {
    storage.destroy()
    throw error
  }
}

/**
 * What brings these inputs to the device; `isPinned`: through staging buffers that stay mapped, one more than steps that may be on their
 * way. They are no part of what is needed: where there is no room for them, the queue's own serve.
 */
export function openUploads(
  device: Device,
  storage: Storage,
  inputs: readonly Tensor[],
  isPinned: boolean,
): Promise<Upload> {
  const depth = STEPS_IN_FLIGHT + 1
  const fits = fitsHostMemory(device, depth * storageBytes([], inputs))
  return Upload.open(device, storage, inputs, isPinned && fits ? depth : 0)
}

import type { Device } from '../gpu/device.ts'
import type { Arena } from '../graph/arena.ts'
import type { Tensor } from '../graph/tensor.ts'
import type { Plan } from '../plan/plan.ts'
import { SlotPool } from '../plan/runner.ts'
import { Storage, storageBytes } from '../plan/storage.ts'
import { Upload } from '../plan/upload.ts'
import { Closer } from '../util/closer.ts'
import { STEPS_IN_FLIGHT } from './in_flight.ts'
import { checkHostMemory, fitsHostMemory, type MemoryNeed } from './memory.ts'

/** The memory that persists between steps, the plans that share slots, and the size of both. */
export interface Layout {
  arenas: readonly Arena[]
  tensors: readonly Tensor[]
  plans: readonly Plan[]
  need: MemoryNeed
}

/** The memory of a layout on a device. */
export interface Memory {
  storage: Storage
  pool: SlotPool
}

/** Allocates a layout and registers it in `opened`. Throws OutOfMemoryError when the adapter cannot hold it. */
export async function allocate(
  device: Device,
  { arenas, tensors, plans, need }: Layout,
  opened: Closer,
): Promise<Memory> {
  checkHostMemory(device, need)
  const storage = opened.add(new Storage(device), each => each.destroy())
  await device.guarded('lasting memory', () => {
    for (const arena of arenas) storage.addArena(arena)
    for (const t of tensors) storage.addTensor(t)
  })
  const pool = opened.add(await SlotPool.allocate(device, plans), each => each.destroy())
  return { storage, pool }
}

/** Throws what `allocate` would throw; nothing stays allocated. */
export function rehearse(device: Device, layout: Layout): Promise<void> {
  return Closer.using(async opened => {
    await allocate(device, layout, opened)
  })
}

/**
 * Uploads these inputs to the device. With `isPinned` they go through a ring of mapped staging buffers, one more than the steps in flight.
 * The ring is optional and not part of `need`: if memory is short, the queue copies instead.
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

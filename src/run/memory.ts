import { type Device, OutOfMemoryError } from '../gpu/device.ts'
import { BindingLimitError } from '../graph/tensor.ts'
import { availableMemory } from '../host/memory.ts'
import { InputError } from '../util/error.ts'

/** Memory in bytes, known before anything is allocated. */
export interface MemoryNeed {
  /** parameters, gradients, moments, statistics, averages, inputs */
  lasting: number
  /** slots shared by the temporaries of all plans */
  working: number
}

export function totalOf({ lasting, working }: MemoryNeed): number {
  return lasting + working
}

/** In decimal units with three digits, as vendors state memory: 1.23 GB. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 ? value : value.toPrecision(3)} ${units[unit]}`
}

/** Whether the machine has this much free memory. Only software adapters need it, so always true for a GPU. */
export function fitsHostMemory(device: Device, bytes: number): boolean {
  return !device.facts.software || bytes <= availableMemory()
}

/** A software adapter uses the machine's memory, and the system lets a process allocate more than there is. So check first. */
export function checkHostMemory(device: Device, need: MemoryNeed): void {
  if (!fitsHostMemory(device, totalOf(need)))
    throw new OutOfMemoryError(`${formatBytes(totalOf(need))}, the machine has ${formatBytes(availableMemory())} free`)
}

/** The adapter cannot hold even one sample. */
export class NothingFits extends InputError {}

/** How to try batch sizes on a device. */
export interface BatchTrial<T> {
  device: Device
  /** the batch size to try first */
  batchSize: number
  attempt(batchSize: number): Promise<T>
  /** throws what `attempt` would throw; leaves nothing allocated */
  rehearse(batchSize: number): Promise<void>
}

/** The result of an attempt and its batch size. */
export interface Fitting<T> {
  result: T
  batchSize: number
  /** why the adapter cannot hold the requested batch; undefined if it can */
  reason?: string
}

/**
 * The result of the attempt with the requested batch size or, if the adapter cannot hold that, with the largest it can. If not even one
 * sample fits, throws NothingFits, which begins with `where`.
 */
export async function largestBatchThatFits<T>(trial: BatchTrial<T>, where: string): Promise<Fitting<T>> {
  const { device, batchSize, attempt } = trial
  const whole = await outcome(() => attempt(batchSize))
  if ('result' in whole) return { ...whole, batchSize }
  const largest = await largestBelow(trial)
  if (largest === 0) throw new NothingFits(`${where}: ${device.name} cannot hold even one sample (${whole.reason})`)
  return { result: await attempt(largest), batchSize: largest, reason: whole.reason }
}

/**
 * As `largestBatchThatFits`, but a batch that does not fit is an InputError that names the largest training.batch_size that does, of which each of
 * `ranks` has an equal share.
 */
export async function withBatchThatFits<T>(trial: BatchTrial<T> & { ranks?: number }): Promise<T> {
  const { device, batchSize, ranks = 1, attempt } = trial
  const whole = await outcome(() => attempt(batchSize))
  if ('result' in whole) return whole.result
  const largest = await largestBelow(trial)
  const advice = largest === 0 ? 'not even one sample fits' : `the largest that fits is ${largest * ranks}`
  throw new InputError(
    `training.batch_size is ${batchSize * ranks}: ${device.name} cannot hold it (${whole.reason}); ${advice}`,
  )
}

/** Found by bisection, because planning a large batch is slow. 0 if not even one sample fits. */
async function largestBelow({ batchSize, rehearse }: BatchTrial<unknown>): Promise<number> {
  let fits = 0
  let fails = batchSize
  while (fails - fits > 1) {
    const size = Math.floor((fits + fails) / 2)
    const tried = await outcome(() => rehearse(size))
    if ('result' in tried) fits = size
    else fails = size
  }
  return fits
}

async function outcome<T>(attempt: () => Promise<T>): Promise<{ result: T } | { reason: string }> {
  try {
    return { result: await attempt() }
  } catch (error) {
    if (error instanceof OutOfMemoryError || error instanceof BindingLimitError) return { reason: error.message }
    throw error
  }
}

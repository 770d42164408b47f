import { availableMemory } from 'node:process'
import { type Device, OutOfMemoryError } from '../gpu/device.ts'
import { BindingLimitError } from '../graph/tensor.ts'
import { InputError } from '../util/error.ts'

/** What a way of running takes, bytes, known before anything is allocated. */
export interface MemoryNeed {
  /** parameters, gradients, moments, statistics, inputs */
  lasting: number
  /** slots that the temporaries of all plans share */
  working: number
}

export function totalOf({ lasting, working }: MemoryNeed): number {
  return lasting + working
}

/** Decimal units with three digits, as adapters advertise their memory: 1.23 GB. */
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

/** Whether the machine has so much memory free, where the adapter's memory is the machine's. */
export function fitsHostMemory(device: Device, bytes: number): boolean {
  return !device.facts.software || bytes <= availableMemory()
}

/** A software adapter's memory is the machine's, and the system lets a process ask for more than there is: look before. */
export function checkHostMemory(device: Device, need: MemoryNeed): void {
  if (!fitsHostMemory(device, totalOf(need)))
    throw new OutOfMemoryError(`${formatBytes(totalOf(need))}, the machine has ${formatBytes(availableMemory())} free`)
}

/** What an attempt gave, with which batch size, and why not with a larger one. */
export interface Fitting<T> {
  result: T
  batchSize: number
  /** why the adapter cannot hold one sample more; undefined when the batch size asked for fits */
  reason?: string
}

/**
 * What `attempt` gives with `batchSize` or, where the adapter cannot hold that, with the largest batch size that it can: `rehearse` throws
 * as `attempt` would for a batch size and leaves nothing allocated. Throws an InputError that begins with `where` when not even one
 * sample fits.
 */
export async function largestBatchThatFits<T>(
  device: Device,
  batchSize: number,
  where: string,
  attempt: (batchSize: number) => Promise<T>,
  rehearse: (batchSize: number) => Promise<void>,
): Promise<Fitting<T>> {
  const whole = await outcome(() => attempt(batchSize))
  if ('result' in whole) return { ...whole, batchSize }
  const largest = await largestBelow(batchSize, rehearse)
  if (largest === 0) throw new InputError(`${where}: ${device.name} cannot hold even one sample (${whole.reason})`)
  return { result: await attempt(largest), batchSize: largest, reason: whole.reason }
}

/** As `largestBatchThatFits`, but a batch size that does not fit is an InputError that names the largest that does. */
export async function withBatchThatFits<T>(
  device: Device,
  batchSize: number,
  attempt: (batchSize: number) => Promise<T>,
  rehearse: (batchSize: number) => Promise<void>,
): Promise<T> {
  const whole = await outcome(() => attempt(batchSize))
  if ('result' in whole) return whole.result
  const largest = await largestBelow(batchSize, rehearse)
  const said = largest === 0 ? 'not even one sample fits' : `the largest that fits is ${largest}`
  throw new InputError(`training.batch_size is ${batchSize}: ${device.name} cannot hold it (${whole.reason}); ${said}`)
}

/** By halving, since planning a large batch takes long; 0 when not even one sample fits. */
async function largestBelow(batchSize: number, rehearse: (batchSize: number) => Promise<void>): Promise<number> {
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

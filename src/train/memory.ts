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
 * Calls `attempt` with a batch size and, as long as the adapter cannot hold it, with the next smaller one. Throws an InputError that
 * begins with `where` when not even one sample fits.
 */
export async function largestBatchThatFits<T>(
  device: Device,
  batchSize: number,
  where: string,
  attempt: (batchSize: number) => Promise<T>,
): Promise<Fitting<T>> {
  let reason: string | undefined
  for (let size = batchSize; size >= 1; size--) {
    const tried = await outcome(() => attempt(size))
    if ('result' in tried) return { result: tried.result, batchSize: size, ...(reason === undefined ? {} : { reason }) }
    reason ??= tried.reason
  }
  throw new InputError(`${where}: ${device.name} cannot hold even one sample (${reason})`)
}

/** As `largestBatchThatFits`, but a smaller batch than asked for is an InputError that names it. */
export async function withBatchThatFits<T>(
  device: Device,
  batchSize: number,
  attempt: (batchSize: number) => Promise<T>,
): Promise<T> {
  const where = `training.batch_size is ${batchSize}`
  const found = await largestBatchThatFits(device, batchSize, where, attempt)
  if (found.batchSize === batchSize) return found.result
  throw new InputError(
    `${where}: ${device.name} cannot hold it (${found.reason}); the largest that fits is ${found.batchSize}`,
  )
}

async function outcome<T>(attempt: () => Promise<T>): Promise<{ result: T } | { reason: string }> {
  try {
    return { result: await attempt() }
  } catch (error) {
    if (error instanceof OutOfMemoryError || error instanceof BindingLimitError) return { reason: error.message }
    throw error
  }
}

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

/** A software adapter's memory is the machine's, and the system lets a process ask for more than there is: look before. */
export function checkHostMemory(device: Device, need: MemoryNeed): void {
  if (device.facts.software && totalOf(need) > availableMemory())
    throw new OutOfMemoryError(`${formatBytes(totalOf(need))}, the machine has ${formatBytes(availableMemory())} free`)
}

/**
 * Calls `attempt` with a batch size; when the adapter cannot hold it, finds the largest smaller one that it can, by trying, and
 * throws an InputError that names it.
 */
export async function withBatchThatFits<T>(
  device: Device,
  batchSize: number,
  attempt: (batchSize: number) => Promise<T>,
): Promise<T> {
  const failure = await outcome(() => attempt(batchSize))
  if ('result' in failure) return failure.result
  for (let smaller = batchSize - 1; smaller >= 1; smaller--) {
    const tried = await outcome(() => attempt(smaller))
    if ('result' in tried)
      throw new InputError(
        `training.batch_size is ${batchSize}: ${device.name} cannot hold it (${failure.reason}); the largest that fits is ${smaller}`,
      )
  }
  throw new InputError(
    `training.batch_size is ${batchSize}: ${device.name} cannot hold even one sample (${failure.reason})`,
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

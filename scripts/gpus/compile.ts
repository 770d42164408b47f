// A child of check.ts: opens the adapter that its environment names through the program's own Device, tells its facts, and compiles the
// kernels that come back.
import { rmSync } from 'node:fs'
import { Device } from '../../src/gpu/device.ts'
import { Pipelines } from '../../src/gpu/pipelines.ts'
import type { AdapterFacts } from '../../src/graph/kernel.ts'
import { messageOf } from '../../src/util/error.ts'
import { readText } from '../../src/util/whole_file.ts'
import type { UsedKernel } from './kernels.ts'
import { Mesa } from './mesa.ts'

/** What the compiler says of a kernel, by its own names. */
export type Statistics = Readonly<Record<string, number>>

export interface Compiled extends Omit<UsedKernel, 'key'> {
  /** undefined if it was refused */
  statistics?: Statistics
  refusal?: string
}

/** What the child sends: first its facts, then all kernels compiled. */
export type Sent = { facts: AdapterFacts } | { compiled: Compiled[] }

async function compileAll(device: Device, kernels: readonly UsedKernel[]): Promise<Compiled[]> {
  const pipelines = new Pipelines(device)
  const compiled: Compiled[] = []
  for (const { key, ...kernel } of kernels) {
    try {
      await pipelines.get(key)
      compiled.push({ ...kernel, statistics: takeStatistics() })
    } catch (error) {
      compiled.push({ ...kernel, refusal: messageOf(error) })
    }
  }
  return compiled
}

/** The line that the driver has written of the last pipeline. */
function takeStatistics(): Statistics {
  const path = process.env.STATISTICS!
  const text = readText(path)
  rmSync(path)
  return JSON.parse(text) as Statistics
}

new Mesa().load()
const device = await Device.open()
const send = (message: Sent): void => void process.send!(message)
process.once('message', async (kernels: UsedKernel[]) => {
  send({ compiled: await compileAll(device, kernels) })
  process.disconnect()
})
send({ facts: device.facts })

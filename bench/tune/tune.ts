import { Device } from '../../src/gpu/device.ts'
import type { AdapterFacts, Call } from '../../src/graph/kernel.ts'
import { chooseVariant } from '../../src/plan/lower.ts'
import { wantedAdapter } from '../../src/run/open.ts'
import { factsFor } from '../../src/run/variants.ts'
import { trainingCalls } from '../../src/train/training_plans.ts'
import { identityOf } from '../../src/tune/adapter_identity.ts'
import { type AutotuneReport, autotune, type OpenCall, openCalls } from '../../src/tune/autotune.ts'
import { readTable, shippedPath, TuningCache, writeTable } from '../../src/tune/cache.ts'
import { type Measurement, TunedTable } from '../../src/tune/table.ts'
import type { Workload } from '../workload.ts'

export interface TuneRequest {
  workload: Workload
  /** seconds; calls not measured by then stay unchanged */
  budget: number
  /** also write the measurements to the table that the package ships for such adapters */
  ship: boolean
  stop: AbortSignal
  onCall(line: TuneLine): void
  warn(line: string): void
}

/** One measured call. */
export interface TuneLine extends Measurement {
  signature: string
  /** the default: the variant that the rules choose */
  rules: string
}

export interface TuneReport extends AutotuneReport {
  adapter: string
  calls: TuneLine[]
  /** files written */
  files: string[]
}

/** Benchmarks every variant of every call of a training step, ignoring the cache, then writes the cache. */
export async function benchTune({ workload, ...request }: TuneRequest): Promise<TuneReport> {
  const { config } = workload
  const device = await Device.open(wantedAdapter(config), config.compute)
  try {
    const facts = factsFor(device.facts, config)
    return await tune(device, facts, trainingCalls(workload), request)
  } finally {
    device.close()
  }
}

async function tune(
  device: Device,
  facts: AdapterFacts,
  calls: readonly Call[],
  request: Omit<TuneRequest, 'workload'>,
): Promise<TuneReport> {
  const { budget, ship, stop, onCall, warn } = request
  const identity = identityOf(device)
  const cache = new TuningCache(identity, warn)
  const fresh = new TunedTable(identity.name)
  const lines: TuneLine[] = []
  const keep = ({ signature, digest, call }: OpenCall, measurement: Measurement): void => {
    cache.add(signature, digest, measurement)
    fresh.set(signature, digest, measurement)
    const line = { signature, rules: chooseVariant(call, facts).name, ...measurement }
    lines.push(line)
    onCall(line)
  }
  const report = await autotune({
    device,
    facts,
    calls: openCalls(calls, facts),
    budget,
    stop,
    onMeasured: keep,
    refuse: ({ call, variant, reason }) => warn(`${call} as ${variant}: rejected: ${reason}`),
  })
  const files = ship ? [cache.path, shipped(fresh, shippedPath(identity), warn)] : [cache.path]
  return { adapter: identity.name, ...report, calls: lines, files }
}

/** Replaces earlier measurements of the same calls; keeps those of other workloads. */
function shipped(fresh: TunedTable, path: string, warn: (line: string) => void): string {
  const before = readTable(path, warn)
  if (before) fresh.extend(before)
  writeTable(path, fresh)
  return path
}

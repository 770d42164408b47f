import type { Config } from '../config/schema.ts'
import type { Device } from '../gpu/device.ts'
import type { AdapterFacts, Call } from '../graph/kernel.ts'
import type { Choice } from '../plan/lower.ts'
import { type AdapterIdentity, identityOf } from '../tune/adapter_identity.ts'
import { autotune, openCalls } from '../tune/autotune.ts'
import { readTable, shippedPath, TuningCache } from '../tune/cache.ts'
import { choiceFrom, FixedChoice } from '../tune/choice.ts'
import type { TunedTable } from '../tune/table.ts'

/** What `compute.autotune=full` may take before training, s. */
const BUDGET = 300

/** An adapter's facts as plans of a configuration take them. */
export function factsFor(adapter: AdapterFacts, { compute }: Config): AdapterFacts {
  return { ...adapter, precision: compute.precision }
}

const byRules: Choice = () => undefined

/** The cache of this machine, then the table that the package brings for such an adapter. */
function tablesOf(identity: AdapterIdentity, cache: TuningCache, warn: (line: string) => void): TunedTable[] {
  const shipped = readTable(shippedPath(identity), warn)
  return shipped ? [cache.table, shipped] : [cache.table]
}

/** What is known without measuring, as `compute.autotune` allows: 'off' leaves everything to the rules. */
export function knownChoice(
  device: Device,
  { compute }: Config,
  say: (line: string) => void,
  facts: AdapterFacts = device.facts,
): Choice {
  if (compute.autotune === 'off') return byRules
  const warn = (line: string): void => say(`warning: ${line}`)
  const identity = identityOf(device)
  return choiceFrom(tablesOf(identity, new TuningCache(identity, warn), warn), facts)
}

/** How a run came to its variants. */
export interface RunVariants {
  fixed: FixedChoice
  origin: 'rules' | 'cache' | 'measured' | 'checkpoint'
}

export interface VariantsRequest {
  device: Device
  config: Config
  /** everything that the run will do */
  calls: readonly Call[]
  /** of the checkpoint that the run goes on from */
  recorded?: FixedChoice | undefined
  say(line: string): void
  /** ends measuring early; what was measured by then is kept */
  stop?: AbortSignal
}

/**
 * Fixes the variants of a run: those of the checkpoint it goes on from, if that was written on this adapter; else what the cache and the
 * shipped table say, after measuring what the cache lacks where `compute.autotune` is 'full'; else what the rules say.
 */
export async function fixVariants(request: VariantsRequest): Promise<RunVariants> {
  const { device, config, calls, recorded, say } = request
  const identity = identityOf(device)
  if (recorded?.adapter === identity.name) return { fixed: recorded, origin: 'checkpoint' }
  if (recorded) say(`kernels are chosen anew: the checkpoint was written on ${recorded.adapter}`)
  const facts = factsFor(device.facts, config)
  const fixed = (choice: Choice): FixedChoice => FixedChoice.of(identity.name, calls, facts, choice)
  if (config.compute.autotune === 'off') return { fixed: fixed(byRules), origin: 'rules' }
  const warn = (line: string): void => say(`warning: ${line}`)
  const cache = new TuningCache(identity, warn)
  const isMeasured = config.compute.autotune === 'full' && (await measureMissing(request, facts, cache, warn))
  const choice = choiceFrom(tablesOf(identity, cache, warn), facts)
  return { fixed: fixed(choice), origin: isMeasured ? 'measured' : 'cache' }
}

/** False when the cache had everything. */
async function measureMissing(
  { device, calls, say, stop }: VariantsRequest,
  facts: AdapterFacts,
  cache: TuningCache,
  warn: (line: string) => void,
): Promise<boolean> {
  const missing = openCalls(calls, facts).filter(({ signature, digest }) => !cache.table.find(signature, () => digest))
  if (missing.length === 0) return false
  say(`autotune  measuring the variants of ${missing.length} kernel calls, ${BUDGET} s at most`)
  const report = await autotune({
    device,
    facts,
    calls: missing,
    budget: BUDGET,
    ...(stop ? { stop } : {}),
    onMeasured: ({ signature, digest }, measurement) => cache.add(signature, digest, measurement),
    refuse: ({ call, variant, reason }) => warn(`${call} as ${variant} is not used: ${reason}`),
  })
  const left = report.left > 0 ? `, ${report.left} left to the rules` : ''
  say(
    `autotune  ${report.measured} measured in ${report.seconds.toFixed(0)} s, ${report.changed} changed${left}: ${cache.path}`,
  )
  return true
}

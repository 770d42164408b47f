import type { Config } from '../config/schema.ts'
import type { Ranks } from '../distributed/ranks.ts'
import type { Device } from '../gpu/device.ts'
import type { AdapterFacts, Call } from '../graph/kernel.ts'
import type { Choice } from '../plan/lower.ts'
import { type AdapterIdentity, identityOf } from '../tune/adapter_identity.ts'
import { autotune, openCalls } from '../tune/autotune.ts'
import { readTable, shippedPath, TuningCache } from '../tune/cache.ts'
import { choiceFrom, FixedChoice } from '../tune/choice.ts'
import { TunedTable } from '../tune/table.ts'

/** Time limit of `compute.autotune=full` before training, s. */
const BUDGET = 300

/** An adapter's facts with the configured precision. */
export function factsFor(adapter: AdapterFacts, { compute }: Config): AdapterFacts {
  return { ...adapter, precision: compute.precision }
}

const byRules: Choice = () => undefined

/** The cache of this machine, then the table shipped for this kind of adapter. */
function tablesOf(identity: AdapterIdentity, cache: TuningCache, warn: (line: string) => void): TunedTable[] {
  const shipped = readTable(shippedPath(identity), warn)
  return shipped ? [cache.table, shipped] : [cache.table]
}

/** Variants known without measuring. With `compute.autotune` 'off', the rules decide everything. */
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

/**
 * As `knownChoice`, by the tables of rank 0 where a rank has its kind of adapter, because variants determine the order of sums. All ranks call it.
 */
export async function choiceOfRanks(
  ranks: Ranks,
  device: Device,
  config: Config,
  say: (line: string) => void,
): Promise<Choice> {
  if (ranks.size === 1 || config.compute.autotune === 'off') return knownChoice(device, config, say)
  const identity = identityOf(device)
  const warn = (line: string): void => say(`warning: ${line}`)
  const own = tablesOf(identity, new TuningCache(identity, warn), warn)
  const all = await ranks.gatherValues(ranks.rank === 0 ? own.map(table => table.toText()) : [])
  const names = await ranks.gatherValues(identity.name)
  return choiceFrom(identity.name === names[0] ? all[0]!.map(text => TunedTable.parse(text)) : own, device.facts)
}

/** The variants of a run and where they come from. */
export interface RunVariants {
  fixed: FixedChoice
  origin: 'rules' | 'cache' | 'measured' | 'checkpoint'
}

export interface VariantsRequest {
  device: Device
  config: Config
  /** every kernel call of the run */
  calls: readonly Call[]
  /** from the checkpoint that the run resumes from */
  recorded?: FixedChoice | undefined
  say(line: string): void
  /** ends measuring early and keeps the measurements made so far */
  stop?: AbortSignal
}

/**
 * Fixes the variants of a run. A checkpoint written on this adapter decides first, then the cache, then the shipped table, then the rules.
 * With `compute.autotune` 'full', variants missing from the cache are measured first.
 */
export async function fixVariants(request: VariantsRequest): Promise<RunVariants> {
  const { device, config, calls, recorded, say } = request
  const identity = identityOf(device)
  if (recorded?.adapter === identity.name) return { fixed: recorded, origin: 'checkpoint' }
  if (recorded) say(`kernel variants are chosen again: the checkpoint was written on ${recorded.adapter}`)
  const facts = factsFor(device.facts, config)
  const fixed = (choice: Choice): FixedChoice => FixedChoice.of(identity.name, calls, facts, choice)
  if (config.compute.autotune === 'off') return { fixed: fixed(byRules), origin: 'rules' }
  const warn = (line: string): void => say(`warning: ${line}`)
  const cache = new TuningCache(identity, warn)
  const isMeasured = config.compute.autotune === 'full' && (await measureMissing(request, facts, cache, warn))
  const choice = choiceFrom(tablesOf(identity, cache, warn), facts)
  return { fixed: fixed(choice), origin: isMeasured ? 'measured' : 'cache' }
}

/** False if the cache had everything. */
async function measureMissing(
  { device, calls, say, stop }: VariantsRequest,
  facts: AdapterFacts,
  cache: TuningCache,
  warn: (line: string) => void,
): Promise<boolean> {
  const missing = openCalls(calls, facts).filter(({ signature, digest }) => !cache.table.find(signature, () => digest))
  if (missing.length === 0) return false
  say(`autotune  measuring the variants of ${missing.length} kernel calls for at most ${BUDGET} s`)
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

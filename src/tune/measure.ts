import { type Device, DeviceLostError } from '../gpu/device.ts'
import type { Pipelines } from '../gpu/pipelines.ts'
import type { AdapterFacts, Call } from '../graph/kernel.ts'
import type { Tensor } from '../graph/tensor.ts'
import { chooseVariant } from '../plan/lower.ts'
import { messageOf } from '../util/error.ts'
import { largestError } from './agreement.ts'
import { candidatesOf } from './kernel_text.ts'
import { type Candidate, Specimen } from './specimen.ts'
import type { Stopwatch } from './stopwatch.ts'
import type { Measurement } from './table.ts'

/** Largest allowed difference from the default variant, relative to the largest value. */
const TOLERANCE = { f32: 1e-4, f16: 1e-2 }

/** A variant must beat the default by this share, so that noise does not change tables. */
const MARGIN = 0.05
const MOST_ROUNDS = 20
/** Milliseconds after which no new round starts; there are at least two rounds. */
const LONG_ENOUGH = 1000
/** Slower than the best by this factor: dropped after two rounds, or at once if a run takes long. */
const HOPELESS = 2
const LONG_RUN = 0.5 // s

/** A rejected variant, with the reason. */
export interface Refusal {
  call: string
  variant: string
  reason: string
}

export interface Tuner {
  device: Device
  /** the device's facts, in the run's precision */
  facts: AdapterFacts
  pipelines: Pipelines
  stopwatch: Stopwatch
  /** receives rejected variants */
  refuse(refusal: Refusal): void
  /** checked before every slow step */
  goesOn(): boolean
}

/**
 * Benchmarks the last of `calls` in isolation; the others are deferred calls that it reads. Every candidate variant that is not
 * `skipped` runs on the same random values and is checked against the default, the variant that the rules choose. Those that agree
 * are timed in turn; the best time counts. Undefined if stopped or if the default does not run. Throws DeviceLostError.
 */
export async function measureCall(
  tuner: Tuner,
  calls: readonly Call[],
  skipped: (variant: string) => boolean,
): Promise<Measurement | undefined> {
  const { device, pipelines, facts } = tuner
  const call = calls.at(-1)!
  const preferred = chooseVariant(call, facts).name
  const others = candidatesOf(call, facts).map(({ name }) => name)
  const names = [preferred, ...others.filter(name => name !== preferred && !skipped(name))]
  const candidates: Candidate[] = []
  const specimen = new Specimen(device, pipelines, facts, calls)
  try {
    if (!(await verify(tuner, specimen, names, candidates))) return undefined
    const seconds = await time(tuner, candidates)
    if (!seconds) return undefined
    const milliseconds = [...seconds].map(([name, value]) => [name, Number((value * 1000).toPrecision(4))] as const)
    return { variant: fastest(seconds, preferred), milliseconds: Object.fromEntries(milliseconds) }
  } catch (error) {
    refuse(tuner, call, preferred, error)
    return undefined
  } finally {
    for (const { pool } of candidates) pool.destroy()
    specimen.destroy()
  }
}

/** The fastest variant, or `preferred` unless another beats it by more than the margin. */
export function fastest(seconds: ReadonlyMap<string, number>, preferred: string): string {
  const [best, least] = [...seconds].reduce((a, b) => (b[1] < a[1] ? b : a))
  return least < (1 - MARGIN) * (seconds.get(preferred) ?? Number.POSITIVE_INFINITY) ? best : preferred
}

/** Adds to `candidates` the variants that agree with the first of `names`. False if stopped. */
async function verify(tuner: Tuner, specimen: Specimen, names: readonly string[], candidates: Candidate[]) {
  let expected: ReadonlyMap<Tensor, Float32Array> | undefined
  for (const name of names) {
    if (!tuner.goesOn()) return false
    try {
      const candidate = await specimen.prepare(name)
      candidates.push(candidate)
      const found = await specimen.run(candidate)
      const error = largestError(found, expected ?? found)
      if (!expected && error > 0) throw new Error('its results on random values are not finite')
      expected ??= found
      const allowed = TOLERANCE[tuner.facts.precision]
      if (error <= allowed) continue
      candidates.pop()!.pool.destroy()
      const reason = `differs from ${names[0]} by ${error.toPrecision(2)} of the largest value, expected at most ${allowed}`
      tuner.refuse({ call: specimen.call.label, variant: name, reason })
    } catch (error) {
      if (!expected) throw error
      if (candidates.at(-1)?.variant === name) candidates.pop()!.pool.destroy()
      refuse(tuner, specimen.call, name, error)
    }
  }
  return true
}

/** Reports a failed candidate. Also clears the device's pending errors, so that they do not surface in training. */
function refuse({ device, refuse }: Tuner, { label }: Call, variant: string, error: unknown): void {
  for (let next = error; next !== undefined; next = nextError(device)) if (next instanceof DeviceLostError) throw next
  refuse({ call: label, variant, reason: messageOf(error).split('\n')[0]! })
}

function nextError(device: Device): unknown {
  try {
    device.check()
    return undefined
  } catch (error) {
    return error
  }
}

/** Best time of each candidate in seconds. All are timed in turn; hopeless ones are dropped early. Undefined if stopped. */
async function time({ stopwatch, goesOn }: Tuner, candidates: readonly Candidate[]) {
  const started = performance.now()
  for (let round = 0; round < MOST_ROUNDS && (round < 2 || performance.now() - started < LONG_ENOUGH); round++) {
    const least = Math.min(...candidates.map(({ best }) => best))
    for (const candidate of candidates) {
      const isBehind = candidate.best > HOPELESS * least && (round >= 2 || candidate.best > LONG_RUN)
      if (isBehind) continue
      if (!goesOn()) return undefined
      candidate.best = Math.min(candidate.best, await stopwatch.seconds(candidate.runner))
    }
    if (candidates.length === 1) break
  }
  return new Map(candidates.map(({ variant, best }) => [variant, best]))
}

import { type Device, DeviceLostError } from '../gpu/device.ts'
import type { Pipelines } from '../gpu/pipelines.ts'
import type { Call } from '../graph/kernel.ts'
import type { Tensor } from '../graph/tensor.ts'
import { chooseVariant, fittingVariants } from '../plan/lower.ts'
import { type Candidate, Specimen } from './specimen.ts'
import type { Stopwatch } from './stopwatch.ts'
import type { Measurement } from './table.ts'

/** Largest difference from the reference that a candidate may have, as a share of the largest value: of f32, and where f16 is stored. */
const TOLERANCE = 1e-4
const HALF_TOLERANCE = 1e-2

/** Another variant than the rules' must be faster by this share, so that noise does not change tables. */
const MARGIN = 0.05
const MOST_ROUNDS = 20
/** Seconds for which every candidate takes part; then those that are slower than the best by the factor are out. */
const WARM = 0.1
const HOPELESS = 1.5
/** Seconds after which there is no further round; there are two at least. */
const LONG_ENOUGH = 1

/** A variant that is never chosen, and why. */
export interface Refusal {
  call: string
  variant: string
  reason: string
}

export interface Tuner {
  device: Device
  pipelines: Pipelines
  stopwatch: Stopwatch
  /** gets what was not used */
  refuse(refusal: Refusal): void
  /** asked before everything that takes time */
  goesOn(): boolean
}

/**
 * Runs every variant that fits a call alone, on the same made-up values. Those whose results agree with the variant that the rules
 * would take are timed in turn, and the best time of each counts. Undefined where it was told to stop, or where not even the rules'
 * variant runs. Throws DeviceLostError.
 */
export async function measureCall(tuner: Tuner, call: Call): Promise<Measurement | undefined> {
  const { device, pipelines } = tuner
  const preferred = chooseVariant(call, device.facts).name
  const others = fittingVariants(call, device.facts).map(({ name }) => name)
  const names = [preferred, ...others.filter(name => name !== preferred)]
  const candidates: Candidate[] = []
  let specimen: Specimen | undefined
  try {
    specimen = await Specimen.make(device, pipelines, call)
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
    specimen?.destroy()
  }
}

/** The fastest; the preferred one unless another beats it by more than the margin. */
export function fastest(seconds: ReadonlyMap<string, number>, preferred: string): string {
  const [best, least] = [...seconds].reduce((a, b) => (b[1] < a[1] ? b : a))
  return least < (1 - MARGIN) * (seconds.get(preferred) ?? Number.POSITIVE_INFINITY) ? best : preferred
}

/** Adds to `candidates` those that give what the first of `names` gives. False when told to stop. */
async function verify(tuner: Tuner, specimen: Specimen, names: readonly string[], candidates: Candidate[]) {
  let expected: ReadonlyMap<Tensor, Float32Array> | undefined
  for (const name of names) {
    if (!tuner.goesOn()) return false
    try {
      const candidate = await specimen.prepare(name)
      candidates.push(candidate)
      const found = await specimen.run(candidate)
      const error = largestError(found, expected ?? found)
      if (!expected && error > 0) throw new Error('its results on made-up values are not finite')
      expected ??= found
      const allowed = specimen.isHalf ? HALF_TOLERANCE : TOLERANCE
      if (error <= allowed) continue
      candidates.pop()!.pool.destroy()
      const reason = `differs from ${names[0]} by ${error.toPrecision(2)} of the largest value, at most ${allowed} is right`
      tuner.refuse({ call: specimen.call.label, variant: name, reason })
    } catch (error) {
      if (!expected) throw error
      if (candidates.at(-1)?.variant === name) candidates.pop()!.pool.destroy()
      refuse(tuner, specimen.call, name, error)
    }
  }
  return true
}

/** Names a candidate that failed. Whatever else the device has to say of it is heard here and not in the training. */
function refuse({ device, refuse }: Tuner, { label }: Call, variant: string, error: unknown): void {
  for (let next = error; next !== undefined; next = nextError(device)) if (next instanceof DeviceLostError) throw next
  refuse({ call: label, variant, reason: (error as Error).message.split('\n')[0]! })
}

function nextError(device: Device): unknown {
  try {
    device.check()
    return undefined
  } catch (error) {
    return error
  }
}

/** Largest |found − expected| as a share of the largest |expected|, the worst of all outputs; a value that is no number counts as infinite. */
function largestError(found: ReadonlyMap<Tensor, Float32Array>, expected: ReadonlyMap<Tensor, Float32Array>): number {
  let worst = found.size === expected.size ? 0 : Number.POSITIVE_INFINITY
  for (const [t, values] of found) {
    const right = expected.get(t)
    worst = Math.max(worst, right ? (t.dtype === 'u32' ? bitError : errorOf)(values, right) : Number.POSITIVE_INFINITY)
  }
  return worst
}

function errorOf(found: Float32Array, expected: Float32Array): number {
  let difference = 0
  let scale = 0
  for (let i = 0; i < expected.length; i++) {
    const off = Math.abs(found[i]! - expected[i]!)
    if (!(off <= difference)) difference = Number.isNaN(off) ? Number.POSITIVE_INFINITY : off
    scale = Math.max(scale, Math.abs(expected[i]!))
  }
  return difference === 0 ? 0 : difference / scale
}

/** Whole numbers are equal or wrong. */
function bitError(found: Float32Array, expected: Float32Array): number {
  const [a, b] = [found, expected].map(({ buffer }) => Buffer.from(buffer)) as [Buffer, Buffer]
  return a.equals(b) ? 0 : Number.POSITIVE_INFINITY
}

/** Best seconds of each candidate, all timed in turn. Undefined when told to stop. */
async function time({ stopwatch, goesOn }: Tuner, candidates: readonly Candidate[]) {
  const best = new Map<string, number>()
  const started = performance.now()
  const elapsed = (): number => (performance.now() - started) / 1000
  for (let round = 0; round < MOST_ROUNDS && (round < 2 || elapsed() < LONG_ENOUGH); round++) {
    const limit = elapsed() < WARM ? Number.POSITIVE_INFINITY : HOPELESS * Math.min(...best.values())
    for (const { variant, runner } of candidates) {
      const before = best.get(variant) ?? Number.POSITIVE_INFINITY
      if (round > 0 && before > limit) continue
      if (!goesOn()) return undefined
      best.set(variant, Math.min(before, await stopwatch.seconds(runner)))
    }
    if (candidates.length === 1) break
  }
  return best
}

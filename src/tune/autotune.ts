import type { Device } from '../gpu/device.ts'
import { Pipelines } from '../gpu/pipelines.ts'
import type { AdapterFacts, Call } from '../graph/kernel.ts'
import { signatureOf } from '../graph/signature.ts'
import { tensorsOf } from '../graph/tensor.ts'
import { chooseVariant } from '../plan/lower.ts'
import { isOpen } from './choice.ts'
import { dispatchesOf, kernelDigest } from './kernel_text.ts'
import { measureCall, type Refusal } from './measure.ts'
import { Stopwatch } from './stopwatch.ts'
import type { Measurement } from './table.ts'

const LONG_RUN = 500 // ms
const BY_FAR = 10
/** Calls whose cost differs by less than this factor have the same losers. */
const SIMILAR = 16

/** A call whose variant is to be found by measuring; equal calls of a step are one. */
export interface OpenCall {
  call: Call
  /** the calls whose work is left to the readers of their results, this call being one */
  deferred: readonly Call[]
  signature: string
  digest: string
  /** multiply-adds · 2 of all equal calls together */
  flops: number
}

export interface AutotuneRequest {
  device: Device
  /** what `calls` were found with */
  facts: AdapterFacts
  calls: readonly OpenCall[]
  /** seconds; what is not measured then is left to the rules */
  budget: number
  /** when aborted, ends after the run at hand */
  stop?: AbortSignal
  onMeasured(call: OpenCall, measurement: Measurement): void
  refuse(refusal: Refusal): void
}

export interface AutotuneReport {
  measured: number
  /** calls left out because the time was over, the user stopped, or nothing ran */
  left: number
  /** measured calls that another variant than the rules' won */
  changed: number
  seconds: number
}

/** The calls that more than one variant fits, equal ones once, the costliest first. */
export function openCalls(calls: readonly Call[], facts: AdapterFacts): OpenCall[] {
  const makers = new Map(calls.map(call => [call.kernel.defers?.(call.args).result, call] as const))
  const found = new Map<string, OpenCall>()
  for (const call of calls.filter(each => isOpen(each, facts))) {
    const signature = signatureOf(call)
    const dispatches = dispatchesOf(chooseVariant(call, facts), call, facts)
    const flops = dispatches.reduce((sum, dispatch) => sum + (dispatch.flops ?? 0), 0)
    const known = found.get(signature)
    if (known) {
      known.flops += flops
      continue
    }
    const deferred = tensorsOf(call.args).flatMap(t => makers.get(t) ?? [])
    found.set(signature, { call, deferred, signature, digest: kernelDigest(call, facts), flops })
  }
  return [...found.values()].sort((a, b) => b.flops - a.flops)
}

/**
 * Variants that lost by far where a run takes long. Calls come costliest first, and those of the same kernel that cost about as much
 * do without them: a variant for GPUs takes a minute on a processor.
 */
class Losers {
  private readonly lost = new Map<string, number>()

  has({ call, flops }: OpenCall, variant: string): boolean {
    return flops * SIMILAR > (this.lost.get(`${call.kernel.name} ${variant}`) ?? Number.POSITIVE_INFINITY)
  }

  learn({ call, flops }: OpenCall, { milliseconds }: Measurement): void {
    const least = Math.min(...Object.values(milliseconds))
    for (const [variant, time] of Object.entries(milliseconds))
      if (time > LONG_RUN && time > BY_FAR * least) this.lost.set(`${call.kernel.name} ${variant}`, flops)
  }
}

/** Measures calls until all are done, the time is over or the user stops. Throws DeviceLostError. */
export async function autotune(request: AutotuneRequest): Promise<AutotuneReport> {
  const { device, facts, calls, budget, stop, onMeasured, refuse } = request
  const started = performance.now()
  const seconds = (): number => (performance.now() - started) / 1000
  const stopwatch = new Stopwatch(device)
  const goesOn = (): boolean => !stop?.aborted && seconds() < budget
  const report: AutotuneReport = { measured: 0, left: 0, changed: 0, seconds: 0 }
  try {
    const tuner = { device, facts, pipelines: new Pipelines(device), stopwatch, refuse, goesOn }
    const losers = new Losers()
    for (const open of calls) {
      const skipped = (variant: string): boolean => losers.has(open, variant)
      const measurement = goesOn() ? await measureCall(tuner, [...open.deferred, open.call], skipped) : undefined
      if (!measurement) {
        report.left++
        continue
      }
      report.measured++
      if (measurement.variant !== chooseVariant(open.call, facts).name) report.changed++
      losers.learn(open, measurement)
      onMeasured(open, measurement)
    }
    return { ...report, seconds: seconds() }
  } finally {
    stopwatch.destroy()
  }
}

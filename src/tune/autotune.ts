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
/** A variant that lost by far is skipped for calls up to this factor cheaper. */
const SIMILAR = 16

/** A call whose variant will be measured. Equal calls of a step are merged. */
export interface OpenCall {
  call: Call
  /** calls deferred to their readers, of which this call is one */
  deferred: readonly Call[]
  signature: string
  digest: string
  /** 2 · multiply-adds, summed over all equal calls */
  flops: number
}

export interface AutotuneRequest {
  device: Device
  /** the facts used to find `calls` */
  facts: AdapterFacts
  calls: readonly OpenCall[]
  /** seconds; after that, the variants' own rules decide */
  budget: number
  /** aborting stops after the current run */
  stop?: AbortSignal
  onMeasured(call: OpenCall, measurement: Measurement): void
  refuse(refusal: Refusal): void
}

export interface AutotuneReport {
  measured: number
  /** calls not measured: out of time, stopped by the user, or no variant ran */
  left: number
  /** measured calls whose fastest variant differs from the rules' choice */
  changed: number
  seconds: number
}

/** The distinct calls with more than one candidate variant, most expensive first. */
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
 * Slow variants that lost by far. Calls come most expensive first; later calls of the same kernel and similar cost skip these
 * variants. A variant for GPUs can take a minute on a CPU.
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

/** Measures calls until all are done, the budget is spent or the user stops. Throws DeviceLostError. */
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

import type { Device } from '../gpu/device.ts'
import { Pipelines } from '../gpu/pipelines.ts'
import type { AdapterFacts, Call } from '../graph/kernel.ts'
import { signatureOf } from '../graph/signature.ts'
import { chooseVariant } from '../plan/lower.ts'
import { isOpen } from './choice.ts'
import { dispatchesOf, kernelDigest } from './kernel_text.ts'
import { measureCall, type Refusal } from './measure.ts'
import { Stopwatch } from './stopwatch.ts'
import type { Measurement } from './table.ts'

/** A call whose variant is to be found by measuring; equal calls of a step are one. */
export interface OpenCall {
  call: Call
  signature: string
  digest: string
  /** multiply-adds · 2 of all equal calls together */
  flops: number
}

export interface AutotuneRequest {
  device: Device
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
  const found = new Map<string, OpenCall>()
  for (const call of calls.filter(each => isOpen(each, facts))) {
    const signature = signatureOf(call)
    const dispatches = dispatchesOf(chooseVariant(call, facts), call, facts)
    const flops = dispatches.reduce((sum, dispatch) => sum + (dispatch.flops ?? 0), 0)
    const known = found.get(signature)
    if (known) known.flops += flops
    else found.set(signature, { call, signature, digest: kernelDigest(call, facts), flops })
  }
  return [...found.values()].sort((a, b) => b.flops - a.flops)
}

/** Measures calls until all are done, the time is over or the user stops. Throws DeviceLostError. */
export async function autotune(request: AutotuneRequest): Promise<AutotuneReport> {
  const { device, calls, budget, stop, onMeasured, refuse } = request
  const started = performance.now()
  const seconds = (): number => (performance.now() - started) / 1000
  const stopwatch = new Stopwatch(device)
  const goesOn = (): boolean => !stop?.aborted && seconds() < budget
  const report: AutotuneReport = { measured: 0, left: 0, changed: 0, seconds: 0 }
  try {
    const tuner = { device, pipelines: new Pipelines(device), stopwatch, refuse, goesOn }
    for (const open of calls) {
      const measurement = goesOn() ? await measureCall(tuner, open.call) : undefined
      if (!measurement) {
        report.left++
        continue
      }
      report.measured++
      if (measurement.variant !== chooseVariant(open.call, device.facts).name) report.changed++
      onMeasured(open, measurement)
    }
    return { ...report, seconds: seconds() }
  } finally {
    stopwatch.destroy()
  }
}

import type { LoadedConfig } from '../../src/config/load.ts'
import type { AdapterFacts } from '../../src/graph/kernel.ts'
import { ModelState } from '../../src/nn/model_state.ts'
import type { Choice } from '../../src/plan/lower.ts'
import { makePlan } from '../../src/plan/plan.ts'
import type { KernelTime } from '../../src/plan/runner.ts'
import { OptimizerMemory } from '../../src/run/optimizer_memory.ts'
import { batchTensors, recordTraining, recordUpdate } from '../../src/run/tapes.ts'
import { factsFor } from '../../src/run/variants.ts'
import { summarise } from '../clock.ts'
import { chosenVariants } from '../variants.ts'
import { type Workload, workloadOf } from '../workload.ts'
import { type FirstStep, type MeasuredSteps, StepRun } from './run.ts'

export interface StepRequest {
  loaded: LoadedConfig
  /** measured steps, after a warm-up step */
  steps: number
  /** also profile one step kernel by kernel */
  profile: boolean
}

/** A training step is forward, loss and backward of one batch, gradient clipping and the update. */
export interface StepReport extends Omit<MeasuredSteps, 'seconds'> {
  adapter: string
  software: boolean
  structures: number
  size: readonly number[]
  batch_size: number
  channels: readonly number[]
  precision: string
  steps: number
  /** median time between the ends of two steps, run as in training */
  step_s: number
  samples_per_s: number
  first_step_s: FirstStep
  /** peak bytes of our buffers */
  peak_bytes: number
  /** peak memory of the process (VmHWM), if it includes the adapter's */
  process_peak_bytes: number | null
  dispatches: number
  /** encode_s relative to step_s */
  encode_share: number
  /** share of time spent waiting for the loader, in steps fed by it */
  loader_wait_share: number
  /** 2 · multiply-adds of a step, as declared by the kernels */
  flops: number
  gflops: number
  variants: Record<string, string>
  profile?: KernelTime[]
}

/** Runs and measures training steps on random data. Throws InputError if the workload does not fit the adapter. */
export async function benchStep({ loaded, steps, profile }: StepRequest): Promise<StepReport> {
  const workload = await workloadOf(loaded)
  const run = await StepRun.open(workload)
  try {
    const { seconds: times, ...measured } = await run.measure(steps)
    const loaderWaitShare = await run.loaderWaitShare()
    const { seconds } = summarise(times)
    const { batchSize, shape, config } = workload
    const { instruments, device } = run
    const { software } = device.facts
    const planned = plansOf(workload, factsFor(device.facts, config), run.choice)
    return {
      adapter: device.name,
      software,
      structures: shape.structures,
      size: shape.size,
      batch_size: batchSize,
      channels: shape.channels,
      precision: config.compute.precision,
      steps,
      step_s: seconds,
      samples_per_s: batchSize / seconds,
      first_step_s: run.firstStep,
      peak_bytes: instruments.peakBytes,
      process_peak_bytes: software ? run.processPeak : null,
      ...measured,
      encode_share: measured.encode_s / seconds,
      loader_wait_share: loaderWaitShare,
      ...planned,
      gflops: planned.flops / seconds / 1e9,
      ...(profile ? { profile: await run.engine.profile() } : {}),
    }
  } finally {
    await run.close()
  }
}

/** The contents of the engine's private plans, recorded again. */
function plansOf(
  { config, shape, structureNames, batchSize }: Workload,
  facts: AdapterFacts,
  choice: Choice,
): Pick<StepReport, 'flops' | 'dispatches' | 'variants'> {
  const state = new ModelState(shape)
  const training = recordTraining(state, batchTensors(state, batchSize), config, structureNames)
  const update = recordUpdate(state, new OptimizerMemory(state, config.optimizer), config)
  const { terms, pairs, presenceProbability, presence } = training.outputs
  const plans = [
    makePlan('accumulate', training.calls, [terms, pairs, presenceProbability, presence], facts, { choice }),
    makePlan('update', update.calls, [update.outputs.clip], facts, { choice }),
  ]
  return {
    flops: plans.reduce((sum, plan) => sum + plan.flops, 0),
    dispatches: plans.reduce((sum, plan) => sum + plan.dispatches.length, 0),
    variants: chosenVariants([...training.calls, ...update.calls], facts, choice),
  }
}

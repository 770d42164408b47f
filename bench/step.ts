import type { LoadedConfig } from '../src/config/load.ts'
import { Loader } from '../src/data/loader.ts'
import { Device } from '../src/gpu/device.ts'
import { ModelState } from '../src/nn/model_state.ts'
import type { Choice } from '../src/plan/lower.ts'
import { makePlan } from '../src/plan/plan.ts'
import type { KernelTime } from '../src/plan/runner.ts'
import { type HostBatch, TrainingEngine } from '../src/train/engine.ts'
import { InFlight } from '../src/train/in_flight.ts'
import { OptimizerMemory } from '../src/train/optimizer_memory.ts'
import { STEPS_IN_FLIGHT } from '../src/train/pacing.ts'
import { batchTensors, recordTraining, recordUpdate } from '../src/train/recording.ts'
import { wantedAdapter } from '../src/train/session.ts'
import { writeInitial } from '../src/train/snapshot.ts'
import { summarise } from './clock.ts'
import { highWater } from './high_water.ts'
import { Instruments } from './instruments.ts'
import { chosenVariants, variantsFor } from './variants.ts'
import { randomBatch, type Workload, withTemporaryDataset, workloadOf } from './workload.ts'

export interface StepRequest {
  loaded: LoadedConfig
  /** measured, after one that does not count */
  steps: number
  /** also run one step kernel by kernel */
  profile: boolean
}

/** A training step is forward, loss and backward of one batch, gradient clipping and the update. */
export interface StepReport {
  adapter: string
  software: boolean
  structures: number
  size: readonly number[]
  batch_size: number
  channels: readonly number[]
  precision: string
  steps: number
  /** median time between the ends of two steps, run as training runs them */
  step_s: number
  step_best_s: number
  samples_per_s: number
  /** time to the end of the first step, and its parts */
  first_step_s: { open: number; plan: number; pipelines: number; step: number; total: number }
  /** bytes of our buffers, at most */
  peak_bytes: number
  /** the process's own high-water mark (VmHWM), where the adapter's memory is the process's */
  process_peak_bytes: number | null
  dispatches: number
  submits_per_step: number
  command_encoders_per_step: number
  /** GPU objects created, command encoders apart */
  objects_per_step: number
  objects_created: Record<string, number>
  /** the calling thread's time to record and submit a step, without uploads, as a share of step_s */
  encode_share: number
  upload_s: number
  upload_bytes: number
  /** share of the time of steps fed by the loader that was spent waiting for it */
  loader_wait_share: number
  /** multiply-adds · 2 of a step, as far as the kernels tell */
  flops: number
  gflops: number
  loss: number
  variants: Record<string, string>
  profile?: KernelTime[]
}

/** Steps fed by the loader, for its share of waiting. */
const LOADER_STEPS = 3
const LEARNING_RATE = 1e-4

/** Runs and measures training steps on random data. Throws InputError for a workload the adapter cannot hold. */
export async function benchStep({ loaded, steps, profile }: StepRequest): Promise<StepReport> {
  const workload = await workloadOf(loaded)
  const run = await StepRun.open(workload)
  try {
    const measured = await run.measure(steps)
    const loaderWaitShare = await run.loaderWaitShare()
    const { seconds, best } = summarise(measured.seconds)
    const { batchSize, shape, config } = workload
    const { flops, dispatches, variants } = run.planned()
    const { instruments, device } = run
    return {
      adapter: device.name,
      software: device.facts.software,
      structures: shape.structures,
      size: shape.size,
      batch_size: batchSize,
      channels: shape.channels,
      precision: config.compute.precision,
      steps,
      step_s: seconds,
      step_best_s: best,
      samples_per_s: batchSize / seconds,
      first_step_s: run.firstStep,
      peak_bytes: instruments.peakBytes,
      process_peak_bytes: device.facts.software ? run.processPeak : null,
      dispatches,
      ...measured.counts,
      encode_share: measured.encodeSeconds / seconds,
      loader_wait_share: loaderWaitShare,
      flops,
      gflops: flops / seconds / 1e9,
      loss: measured.loss,
      variants,
      ...(profile ? { profile: await run.engine.profile() } : {}),
    }
  } finally {
    run.close()
  }
}

interface Measured {
  seconds: number[]
  /** of one step */
  encodeSeconds: number
  loss: number
  counts: Pick<
    StepReport,
    | 'submits_per_step'
    | 'command_encoders_per_step'
    | 'objects_per_step'
    | 'objects_created'
    | 'upload_s'
    | 'upload_bytes'
  >
}

/** An engine with its first step behind it. */
export class StepRun {
  readonly device: Device
  readonly engine: TrainingEngine
  readonly instruments: Instruments
  readonly firstStep: StepReport['first_step_s']
  /** bytes, when the measured steps were done */
  processPeak = 0
  private readonly workload: Workload
  private readonly batch: HostBatch
  private readonly choice: Choice

  private constructor(
    workload: Workload,
    batch: HostBatch,
    choice: Choice,
    opened: Pick<StepRun, 'device' | 'engine' | 'instruments' | 'firstStep'>,
  ) {
    this.workload = workload
    this.batch = batch
    this.choice = choice
    this.device = opened.device
    this.engine = opened.engine
    this.instruments = opened.instruments
    this.firstStep = opened.firstStep
  }

  /** Opens the device, plans, makes the pipelines, and runs a first step, each timed. */
  static async open(workload: Workload): Promise<StepRun> {
    const { config, shape, structureNames, batchSize } = workload
    const batch = randomBatch(workload)
    const lap = laps()
    const device = await Device.open(wantedAdapter(config))
    const instruments = new Instruments(device)
    const open = lap()
    const choice = await variantsFor(device, workload)
    const engine = await TrainingEngine.allocate(device, config, shape, structureNames, batchSize, choice)
    const plan = lap()
    await engine.prepare()
    writeInitial(engine.storage, engine.state, config.seed)
    await device.idle()
    const pipelines = lap()
    const firstStep = { open, plan, pipelines, step: 0, total: 0 }
    const run = new StepRun(workload, batch, choice, { device, engine, instruments, firstStep })
    lap()
    await Promise.all(run.step(batch).results)
    firstStep.step = lap()
    firstStep.total = open + plan + pipelines + firstStep.step
    return run
  }

  /** Submits a step; `encodeSeconds` is what that took of this thread, uploads included. */
  private step(batch: HostBatch) {
    const { seed } = this.workload.config
    const started = performance.now()
    const accumulated = this.engine.accumulate(batch, { seed, epoch: 0, share: 1, first: true })
    const updated = this.engine.update(LEARNING_RATE)
    return { results: [accumulated, updated] as const, encodeSeconds: (performance.now() - started) / 1000 }
  }

  /** Runs steps as training does, with the next one submitted before the last is done. */
  async measure(steps: number): Promise<Measured> {
    const { instruments } = this
    const pending = new InFlight()
    const ends = [performance.now()]
    let encodeSeconds = 0
    let loss = Number.NaN
    instruments.reset()
    for (let i = 0; i < steps; i++) {
      const { results, encodeSeconds: spent } = this.step(this.batch)
      encodeSeconds += spent
      pending.add(
        results[0].then(({ terms }) => {
          loss = terms.total
        }),
      )
      pending.add(results[1].then(() => void ends.push(performance.now())))
      await pending.settle(STEPS_IN_FLIGHT)
    }
    await pending.settle()
    if (!Number.isFinite(loss)) throw new Error(`the loss of a measured step is ${loss}`)
    this.processPeak = highWater()
    return {
      seconds: ends.slice(1).map((end, i) => (end - ends[i]!) / 1000),
      encodeSeconds: (encodeSeconds - instruments.uploadSeconds) / steps,
      loss,
      counts: {
        submits_per_step: instruments.submits / steps,
        command_encoders_per_step: instruments.encoders / steps,
        objects_per_step: instruments.objects / steps,
        objects_created: instruments.created,
        upload_s: instruments.uploadSeconds / steps,
        upload_bytes: instruments.uploadBytes / steps,
      },
    }
  }

  /** Share of the time of a few steps that was spent waiting for the loader, which reads the dataset or a made-up one. */
  async loaderWaitShare(): Promise<number> {
    const { dataset, shape, batchSize } = this.workload
    if (dataset) return this.fed(dataset)
    return withTemporaryDataset(shape, LOADER_STEPS * batchSize, made => this.fed(made))
  }

  private async fed(dataset: NonNullable<Workload['dataset']>): Promise<number> {
    const { shape, batchSize, config } = this.workload
    const loader = new Loader({
      split: dataset.splits.train!,
      structures: shape.structures,
      batchSize,
      seed: config.seed,
      imageSize: [...shape.size],
      order: 'shuffled',
      dropLast: true,
    })
    try {
      return await this.waitShare(loader)
    } finally {
      await loader.close()
    }
  }

  /** The first batch fills the pipeline and does not count. */
  private async waitShare(loader: Loader): Promise<number> {
    const pending = new InFlight()
    let waited = 0
    let taken = 0
    let started = 0
    for await (const batch of loader.epoch(0)) {
      if (taken === 0) started = performance.now()
      else waited += batch.waited
      for (const result of this.step(batch).results) pending.add(result.then(() => undefined))
      await pending.settle(STEPS_IN_FLIGHT)
      if (++taken === LOADER_STEPS) break
    }
    await pending.settle()
    return waited / ((performance.now() - started) / 1000)
  }

  /** What the engine's plans hold, recorded once more: it keeps them to itself. */
  planned(): Pick<StepReport, 'flops' | 'dispatches' | 'variants'> {
    const { config, shape, structureNames, batchSize } = this.workload
    const { facts } = this.device
    const { choice } = this
    const state = new ModelState(shape)
    const training = recordTraining(state, batchTensors(state, batchSize), config, structureNames)
    const update = recordUpdate(state, new OptimizerMemory(state), config)
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

  close(): void {
    this.engine.destroy()
    this.device.close()
  }
}

/** A function that gives the seconds since it was called last. */
function laps(): () => number {
  let before = performance.now()
  return () => {
    const now = performance.now()
    const seconds = (now - before) / 1000
    before = now
    return seconds
  }
}

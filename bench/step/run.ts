import type { Dataset } from '../../src/data/dataset/dataset.ts'
import { Loader } from '../../src/data/loader/loader.ts'
import { Device } from '../../src/gpu/device.ts'
import type { Choice } from '../../src/plan/lower.ts'
import { InFlight, STEPS_IN_FLIGHT } from '../../src/run/in_flight.ts'
import { initialisationOf, writeInitial } from '../../src/run/model_weights.ts'
import { decodersFor, wantedAdapter } from '../../src/run/open.ts'
import { type HostBatch, TrainingEngine } from '../../src/train/engine.ts'
import { highWater } from '../high_water.ts'
import { Instruments } from '../instruments.ts'
import { variantsFor } from '../variants.ts'
import { randomBatch, type Workload, withTemporaryDataset } from '../workload.ts'

/** Steps fed by the loader, to measure the share of waiting. */
const LOADER_STEPS = 3
const LEARNING_RATE = 1e-4

/** Seconds up to the end of the first step, by phase. */
export interface FirstStep {
  /** opening adapter and device */
  open: number
  /** choosing variants, recording, lowering, assigning slots, allocating; starts compiling pipelines at the end */
  plan: number
  /** drawing the weights, while pipelines compile */
  values: number
  /** remaining compilation; bind groups and uniforms */
  pipelines: number
  /** the step itself; a driver may still compile during it */
  step: number
  total: number
}

/** The cost of several steps; counts and bytes are per step. */
export interface MeasuredSteps {
  seconds: number[]
  loss: number
  /** the calling thread's time to record and submit a step, without uploads */
  encode_s: number
  upload_s: number
  upload_bytes: number
  submits_per_step: number
  /** command encoders, passes and command buffers: WebGPU cannot reuse them */
  recorded_per_step: Record<string, number>
  /** other GPU objects created */
  objects_per_step: number
  objects_created: Record<string, number>
  /** steps submitted while the previous one was still running */
  overlapped: number
}

/** An engine after its first step. */
export class StepRun {
  readonly device: Device
  readonly engine: TrainingEngine
  readonly instruments: Instruments
  readonly firstStep: FirstStep
  readonly choice: Choice
  /** bytes, after the measured steps */
  processPeak = 0
  private readonly workload: Workload
  private readonly batch: HostBatch

  private constructor(
    workload: Workload,
    batch: HostBatch,
    opened: Pick<StepRun, 'device' | 'engine' | 'instruments' | 'firstStep' | 'choice'>,
  ) {
    this.workload = workload
    this.batch = batch
    this.device = opened.device
    this.engine = opened.engine
    this.instruments = opened.instruments
    this.firstStep = opened.firstStep
    this.choice = opened.choice
  }

  /** Opens the device, plans, compiles the pipelines and runs a first step; times each phase. */
  static async open(workload: Workload): Promise<StepRun> {
    const { config } = workload
    const batch = randomBatch(workload)
    const lap = laps()
    const device = await Device.open(wantedAdapter(config), config.compute)
    const instruments = new Instruments(device)
    const open = lap()
    const choice = await variantsFor(device, workload)
    const engine = await TrainingEngine.allocate(device, { ...workload, choice })
    const plan = lap()
    writeInitial(engine.storage, engine.state, initialisationOf(config))
    const values = lap()
    await engine.prepare()
    instruments.watchUploads(engine.uploads)
    const pipelines = lap()
    const firstStep = { open, plan, values, pipelines, step: 0, total: 0 }
    const run = new StepRun(workload, batch, { device, engine, instruments, firstStep, choice })
    await Promise.all(run.step(batch).results)
    firstStep.step = lap()
    firstStep.total = open + plan + values + pipelines + firstStep.step
    await engine.prepareEvaluation() // started during the first step; must not overlap the next
    return run
  }

  /** Submits a step. `spent` is this thread's time in seconds, including uploads. */
  private step(batch: HostBatch) {
    const { seed } = this.workload.config
    const started = performance.now()
    const accumulated = this.engine.accumulate(batch, { seed, epoch: 0, share: 1, first: true })
    const updated = this.engine.update(LEARNING_RATE)
    return { results: [accumulated, updated] as const, spent: (performance.now() - started) / 1000 }
  }

  /** Runs steps like training: submits the next one before the previous one is done. */
  async measure(steps: number): Promise<MeasuredSteps> {
    const { instruments } = this
    const pending = new InFlight()
    const ends = [performance.now()]
    let spent = 0
    let overlapped = 0
    let loss = Number.NaN
    instruments.reset()
    for (let i = 0; i < steps; i++) {
      if (ends.length <= i) overlapped++
      const step = this.step(this.batch)
      spent += step.spent
      pending.add(
        step.results[0].then(({ terms }) => {
          loss = terms.total
        }),
      )
      pending.add(step.results[1].then(() => void ends.push(performance.now())))
      await pending.settle(STEPS_IN_FLIGHT)
    }
    await pending.settle()
    if (!Number.isFinite(loss)) throw new Error(`the loss of a measured step is ${loss}`)
    this.processPeak = highWater()
    const perStep = (counts: Record<string, number>): Record<string, number> =>
      Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, count / steps]))
    return {
      seconds: ends.slice(1).map((end, i) => (end - ends[i]!) / 1000),
      loss,
      encode_s: (spent - instruments.uploadSeconds) / steps,
      upload_s: instruments.uploadSeconds / steps,
      upload_bytes: instruments.uploadBytes / steps,
      submits_per_step: instruments.submits / steps,
      recorded_per_step: perStep(instruments.recorded),
      objects_per_step: instruments.objects / steps,
      objects_created: { ...instruments.created },
      overlapped,
    }
  }

  /** Share of the time of several steps spent waiting for the loader, on the given or a synthetic dataset. */
  async loaderWaitShare(): Promise<number> {
    const { dataset, shape, batchSize } = this.workload
    if (dataset) return this.fed(dataset)
    return withTemporaryDataset(shape, LOADER_STEPS * batchSize, made => this.fed(made))
  }

  private async fed(dataset: Dataset): Promise<number> {
    const { shape, batchSize, config } = this.workload
    const decoders = decodersFor(config, batchSize)
    const loader = new Loader({
      split: dataset.splits.train!,
      decoders,
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
      await decoders.close()
    }
  }

  /** The first batch fills the pipeline and is not counted. */
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

  async close(): Promise<void> {
    await this.engine.close()
    this.device.close()
  }
}

/** Returns a function that gives the seconds since its last call. */
function laps(): () => number {
  let before = performance.now()
  return () => {
    const now = performance.now()
    const seconds = (now - before) / 1000
    before = now
    return seconds
  }
}

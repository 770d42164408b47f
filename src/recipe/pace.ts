import type { Config } from '../config/schema.ts'
import { InFlight, STEPS_IN_FLIGHT } from '../run/in_flight.ts'
import { totalOf } from '../run/memory.ts'
import { initialise, openSession, type Session } from '../train/session.ts'
import { Closer } from '../util/closer.ts'

/** How long the parts of a training take on this adapter, as measured. */
export interface Pace {
  adapter: string
  /** seconds before the first step: opening, compiling, drawing weights */
  opening: number
  /** seconds of a training step with its update, loading and augmentation included */
  step: number
  /** seconds of a validation batch, loading included */
  validation: number
  /** measured training steps and validation batches */
  steps: number
  batches: number
  /** bytes on the adapter, known before the first step */
  memory: number
}

/** Steps before the measured ones: drivers compile during the first, and threads start. */
const WARM_UP = 1
/** Measured steps; of steps so long that a few take several times as long as enough, fewer will do. */
const STEPS = { least: 4, leastIfLong: 2, most: 40 }
const LONG = 3
/** Seconds of training steps, and of validation. */
const LONG_ENOUGH = { train: 8, validation: 3 }

/** Samples that a dataset should have to be measured on: batches that are not all in memory after the first epoch. */
export function samplesToMeasure(batchSize: number): number {
  return Math.max(3 * batchSize, 12)
}

/** Trains and validates for a few seconds with this configuration; writes nothing. Throws as `openSession` does. */
export async function measurePace(config: Config): Promise<Pace> {
  return Closer.using(async closer => {
    const started = performance.now()
    const session = closer.add(await openSession(config, { say: () => undefined }), each => each.close())
    initialise(session, { say: () => undefined })
    await session.engine.prepare()
    const opening = (performance.now() - started) / 1000
    const training = await timed(LONG_ENOUGH.train, trainingSteps(session))
    const validating = await timed(LONG_ENOUGH.validation, validationBatches(session))
    const step = training.seconds
    return {
      adapter: session.device.name,
      // what a first step takes longer than the others is compiling too
      opening: opening + Math.max(0, training.warmUp - WARM_UP * step),
      step,
      validation: validating.seconds,
      steps: training.count,
      batches: validating.count,
      memory: totalOf(session.engine.need),
    }
  })
}

/** Submits the work of one batch after another, without end. In an object, because a generator would wait for a promise that it yields. */
type Steps = AsyncGenerator<{ submitted: Promise<unknown> }, void, void>

async function* trainingSteps({ config, engine, trainLoader }: Session): Steps {
  const { seed, training } = config
  for (let epoch = 0; ; epoch++)
    for await (const host of trainLoader.epoch(epoch)) {
      const accumulated = engine.accumulate(host, { seed, epoch, share: 1, first: true })
      yield { submitted: Promise.all([accumulated, engine.update(training.learning_rate)]) }
    }
}

async function* validationBatches({ engine, validationLoader }: Session): Steps {
  const prepared = await engine.prepareEvaluation()
  for (let epoch = 0; ; epoch++)
    for await (const host of validationLoader.epoch(epoch)) yield { submitted: engine.evaluate(prepared, host) }
}

/** Seconds of a step after the warm-up, run as training does: the next one is submitted before the one before is done. */
async function timed(longEnough: number, steps: Steps): Promise<{ seconds: number; count: number; warmUp: number }> {
  const opened = performance.now()
  let started = opened
  let taken = 0
  const elapsed = (): number => (performance.now() - started) / 1000
  await InFlight.during(async pending => {
    for await (const { submitted } of steps) {
      pending.add(submitted.then(() => undefined))
      taken++
      if (taken === WARM_UP) {
        await pending.settle()
        started = performance.now()
      } else await pending.settle(STEPS_IN_FLIGHT)
      const count = taken - WARM_UP
      const least = elapsed() >= LONG * longEnough ? STEPS.leastIfLong : STEPS.least
      if (count >= STEPS.most || (count >= least && elapsed() >= longEnough)) break
    }
  })
  return { seconds: elapsed() / (taken - WARM_UP), count: taken - WARM_UP, warmUp: (started - opened) / 1000 }
}

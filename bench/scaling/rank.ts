import type { Ranks } from '../../src/distributed/ranks.ts'
import { Device } from '../../src/gpu/device.ts'
import { InFlight, STEPS_IN_FLIGHT } from '../../src/run/in_flight.ts'
import { initialisationOf, writeInitial } from '../../src/run/model_weights.ts'
import { adapterOfRank } from '../../src/run/rank_adapter.ts'
import { TrainingEngine } from '../../src/train/engine.ts'
import { Team } from '../../src/train/ranks/team.ts'
import { variantsFor } from '../variants.ts'
import { randomBatch, type Workload } from '../workload.ts'

const LEARNING_RATE = 1e-4

/** What ranks measure together; seconds are of an update on one batch of each rank, those of the slowest rank. */
export interface RankMeasurement {
  ranks: number
  adapter: string
  /** of a rank */
  batch_size: number
  /** each rank by itself, all at the same time */
  apart_s: number
  /** undefined for a single rank, as all below */
  together_s?: number
  /** the exchange alone */
  exchange_s?: number
  /** share of the exchange that the backward pass hides: (apart + exchange − together) / exchange */
  hidden?: number
  /** the same by the model: the exchange of a part begins when a rank has it, and that of the part before has ended */
  hidden_expected?: number
  /** that leave a rank in an update */
  sent_bytes?: number
}

/** Measures updates as one of the ranks. All get the same result. */
export async function measureRank(ranks: Ranks, workload: Workload, steps: number): Promise<RankMeasurement> {
  const device = await Device.open(await adapterOfRank(ranks, workload.config), workload.config.compute)
  try {
    const [apart] = await withEngine(device, workload, false, async engine => {
      const batch = randomBatch(workload)
      const update = async (pending: InFlight): Promise<void> => {
        pending.add(engine.accumulate(batch, { seed: 0, epoch: 0, share: 1 }).then(() => undefined))
        pending.add(engine.update(LEARNING_RATE).then(() => undefined))
      }
      return [await timed(ranks, steps, update)]
    })
    const alone = { ranks: ranks.size, adapter: device.name, batch_size: workload.batchSize, apart_s: apart! }
    if (ranks.size === 1) return alone
    return { ...alone, ...(await measureTogether(ranks, device, workload, { steps, apart: apart! })) }
  } finally {
    device.close()
  }
}

function measureTogether(
  ranks: Ranks,
  device: Device,
  workload: Workload,
  { steps, apart }: { steps: number; apart: number },
) {
  return withEngine(device, workload, true, async engine => {
    const team = new Team(ranks, new AbortController().signal)
    const batch = randomBatch(workload)
    const together = await timed(ranks, steps, async pending => {
      const { result, parts } = engine.accumulateLast(batch, { seed: 0, epoch: 0, share: 1 / ranks.size })
      await team.finishWindow(engine, { own: [result], parts, contributing: ranks.size })
      pending.add(engine.update(LEARNING_RATE).then(() => undefined))
    })
    const buffers = engine.parts.map(({ length }) => new Float32Array(new SharedArrayBuffer(4 * length)))
    const exchange = await timed(ranks, steps, async () => {
      await Promise.all(buffers.map(values => ranks.sum(values, { contributing: ranks.size, flush: false })))
    })
    const lengths = engine.parts.map(({ length }) => length)
    const all = lengths.reduce((sum, length) => sum + length, 0)
    const ends = [0]
    for (const { seconds } of await engine.profile()) ends.push(ends.at(-1)! + seconds)
    const parts = engine.parts.map(({ after, length }) => ({
      ready: (ends[after]! / ends.at(-1)!) * apart,
      exchange: (length / all) * exchange,
    }))
    return {
      together_s: together,
      exchange_s: exchange,
      hidden: (apart + exchange - together) / exchange,
      hidden_expected: (apart + exchange - expectedStep(apart, parts)) / exchange,
      sent_bytes: (4 * all * 2 * (ranks.size - 1)) / ranks.size,
    }
  })
}

/** The exchanges of parts follow each other, each when its part is ready. */
function expectedStep(apart: number, parts: readonly { ready: number; exchange: number }[]): number {
  const end = parts.reduce((before, { ready, exchange }) => Math.max(before, ready) + exchange, 0)
  return Math.max(apart, end)
}

async function withEngine<T>(
  device: Device,
  workload: Workload,
  isShared: boolean,
  use: (engine: TrainingEngine) => Promise<T>,
): Promise<T> {
  const choice = await variantsFor(device, workload)
  const engine = await TrainingEngine.allocate(device, { ...workload, choice, window: 1, isShared })
  try {
    writeInitial(engine.storage, engine.state, initialisationOf(workload.config))
    await engine.prepare()
    return await use(engine)
  } finally {
    await engine.close()
  }
}

/** Seconds of one of `steps` updates in the slowest rank, after one that is not counted. */
async function timed(ranks: Ranks, steps: number, update: (pending: InFlight) => Promise<void>): Promise<number> {
  const run = (count: number): Promise<void> =>
    InFlight.during(async pending => {
      for (let i = 0; i < count; i++) {
        await update(pending)
        await pending.settle(STEPS_IN_FLIGHT)
      }
    })
  await run(1)
  await ranks.barrier()
  const start = performance.now()
  await run(steps)
  const seconds = (performance.now() - start) / 1000 / steps
  return Math.max(...(await ranks.gatherValues(seconds)))
}

import type { Ranks } from '../../src/distributed/ranks.ts'
import { Device } from '../../src/gpu/device.ts'
import { InFlight, STEPS_IN_FLIGHT } from '../../src/run/in_flight.ts'
import { initialisationOf, writeInitial } from '../../src/run/model_weights.ts'
import { adapterOfRank } from '../../src/run/rank_adapter.ts'
import { type HostBatch, TrainingEngine } from '../../src/train/engine.ts'
import { Team } from '../../src/train/ranks/team.ts'
import { Closer } from '../../src/util/closer.ts'
import { median } from '../peers/oracle.ts'
import { variantsFor } from '../variants.ts'
import { randomBatch, type Workload } from '../workload.ts'

const LEARNING_RATE = 1e-4
const ROUNDS = 3

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
  /** of the exchange, after the backward pass of the slowest rank */
  exposed_s?: number
  /** share of the exchange that the backward pass hides: 1 − exposed / exchange */
  hidden?: number
  /** the same by the model: the exchange of a part begins when a rank has it, and that of the part before has ended */
  hidden_expected?: number
  /** that leave a rank in an update */
  sent_bytes?: number
}

/** Measures updates as one of the ranks, each kind in turn. All get the same result, medians of the rounds. */
export async function measureRank(ranks: Ranks, workload: Workload, steps: number): Promise<RankMeasurement> {
  return Closer.using(async opened => {
    const { config, batchSize } = workload
    const opening = Device.open(await adapterOfRank(ranks, config), config.compute)
    const device = opened.add(await opening, each => each.close())
    const engine = opened.add(await openEngine(device, workload, false), each => each.close())
    const batch = randomBatch(workload)
    const apart = async (pending: InFlight): Promise<void> => {
      pending.add(engine.accumulate(batch, { seed: 0, epoch: 0, share: 1 }).then(() => undefined))
      pending.add(engine.update(LEARNING_RATE).then(() => undefined))
    }
    const about = { ranks: ranks.size, adapter: device.name, batch_size: batchSize }
    if (ranks.size === 1) return { ...about, apart_s: (await medians(ranks, steps, [apart]))[0]! }
    const shared = opened.add(await openEngine(device, workload, true), each => each.close())
    const waits: number[] = []
    const kinds = [apart, togetherIn(shared, ranks, batch, waits), exchangeOf(shared, ranks)]
    const [apart_s, together_s, exchange_s] = (await medians(ranks, steps, kinds)) as [number, number, number]
    const all = await ranks.gatherValues(waits)
    // a rank that is early waits for the others, not for the network
    const exposed_s = median(waits.map((_, i) => Math.min(...all.map(each => each[i]!))))
    const gradients = shared.parts.reduce((sum, { length }) => sum + length, 0)
    const expected = (await expectedStep(shared, apart_s, exchange_s / gradients)) - apart_s
    return {
      ...about,
      apart_s,
      together_s,
      exchange_s,
      exposed_s,
      hidden: 1 - exposed_s / exchange_s,
      hidden_expected: 1 - expected / exchange_s,
      sent_bytes: (4 * gradients * 2 * (ranks.size - 1)) / ranks.size,
    }
  })
}

async function openEngine(device: Device, workload: Workload, isShared: boolean): Promise<TrainingEngine> {
  const choice = await variantsFor(device, workload)
  const engine = await TrainingEngine.allocate(device, { ...workload, choice, window: 1, isShared })
  writeInitial(engine.storage, engine.state, initialisationOf(workload.config))
  await engine.prepare()
  return engine
}

type Update = (pending: InFlight) => Promise<void>

/** An update as training makes it. `waits` gets the seconds from the end of this rank's backward pass to that of the exchange. */
function togetherIn(engine: TrainingEngine, ranks: Ranks, batch: HostBatch, waits: number[]): Update {
  const team = new Team(ranks, new AbortController().signal)
  return async pending => {
    const { result, parts } = engine.accumulateLast(batch, { seed: 0, epoch: 0, share: 1 / ranks.size })
    const computed = result.then(() => performance.now())
    await team.finishWindow(engine, { own: [result], parts, contributing: ranks.size })
    waits.push((performance.now() - (await computed)) / 1000)
    pending.add(engine.update(LEARNING_RATE).then(() => undefined))
  }
}

function exchangeOf(engine: TrainingEngine, ranks: Ranks): Update {
  const buffers = engine.parts.map(({ length }) => new Float32Array(new SharedArrayBuffer(4 * length)))
  return async () => {
    await Promise.all(buffers.map(values => ranks.sum(values, { contributing: ranks.size, flush: false })))
  }
}

/** Seconds of an update of each kind in the slowest rank. */
async function medians(ranks: Ranks, steps: number, kinds: readonly Update[]): Promise<number[]> {
  const run = (kind: Update, count: number): Promise<void> =>
    InFlight.during(async pending => {
      for (let i = 0; i < count; i++) {
        await kind(pending)
        await pending.settle(STEPS_IN_FLIGHT)
      }
    })
  for (const kind of kinds) await run(kind, 1) // compiles, and opens connections
  const seconds = kinds.map((): number[] => [])
  for (let round = 0; round < ROUNDS; round++)
    for (const [i, kind] of kinds.entries()) {
      await ranks.barrier()
      const start = performance.now()
      await run(kind, steps)
      const all = await ranks.gatherValues((performance.now() - start) / 1000 / steps)
      seconds[i]!.push(Math.max(...all))
    }
  return seconds.map(median)
}

/**
 * Seconds of an update whose parts are exchanged one after another, each when the backward pass has finished it. Kernels are timed one by one, and
 * scaled to `apart`.
 */
async function expectedStep(engine: TrainingEngine, apart: number, secondsOfAnElement: number): Promise<number> {
  const ends = [0]
  for (const { seconds } of await engine.profile()) ends.push(ends.at(-1)! + seconds)
  let end = 0
  for (const { after, length } of engine.parts)
    end = Math.max(end, (ends[after]! / ends.at(-1)!) * apart) + length * secondsOfAnElement
  return Math.max(apart, end)
}

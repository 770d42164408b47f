import { afterAll, describe, expect, test, vi } from 'vitest'
import { defaultConfig } from '../../src/config/schema.ts'
import type { Device } from '../../src/gpu/device.ts'
import { ModelState } from '../../src/nn/model_state.ts'
import { INITIAL_LOSS_SCALE, LOSS_SCALE_GROWTH } from '../../src/optim/loss_scale.ts'
import { makePlan } from '../../src/plan/plan.ts'
import { Runner, SlotPool } from '../../src/plan/runner.ts'
import { Storage } from '../../src/plan/storage.ts'
import { totalOf } from '../../src/run/memory.ts'
import { initialisationOf, writeInitial } from '../../src/run/model_weights.ts'
import { batchTensors, recordTraining } from '../../src/run/tapes.ts'
import { type HostBatch, TrainingEngine } from '../../src/train/engine.ts'
import { Tally } from '../../src/train/tally.ts'
import { planTraining } from '../../src/train/training_plans.ts'
import { testDevice } from '../harness.ts'
import { normals, randomOf } from '../numbers.ts'
import { STRUCTURES } from './training_here.ts'

const at = await testDevice()
const VOXELS = 32 * 16 * 16
const shape = { structures: 3, size: [32, 16, 16], inChannels: 1, channels: [2, 4, 4, 6, 8] } as const
const config = defaultConfig()
/** The clamp of the augmentation would make an intensity of a NaN. */
const plain = { ...config, augmentation: { ...config.augmentation, enabled: false } }
const averaging = { ...plain, optimizer: { ...config.optimizer, ema_decay: 0.9 } }
const spec = { config, shape, structureNames: STRUCTURES, batchSize: 1 }
const made: TrainingEngine[] = []
afterAll(async () => {
  for (const engine of made) await engine.close()
})

async function engineFor(batchSize: number, settings = config): Promise<TrainingEngine> {
  const engine = await TrainingEngine.allocate(at.device, { ...spec, config: settings, batchSize })
  made.push(engine)
  await engine.prepare()
  writeInitial(engine.storage, engine.state, initialisationOf(config))
  return engine
}

/** Samples `first` … of an endless split, and padding behind `count` of them. */
function batchOf(size: number, first = 0, count = size): HostBatch {
  const samples = Array.from({ length: count }, (_, i) => first + i)
  const words = (3 * VOXELS) / 32
  const batch = {
    images: new Float32Array(size * VOXELS),
    maskBits: new Uint32Array(size * words),
    presence: new Float32Array(size * 3).fill(-1),
    samples: new Uint32Array(size),
  }
  batch.samples.set(samples)
  for (const [slot, sample] of samples.entries()) {
    const random = randomOf(`sample ${sample}`)
    batch.images.set(normals(random, VOXELS, 100, 40), slot * VOXELS)
    batch.maskBits.set(
      Uint32Array.from({ length: words }, () => random.integer(2 ** 32) & random.integer(2 ** 32)),
      slot * words,
    )
    batch.presence.set([1, 0, sample % 2 === 0 ? 1 : -1], slot * 3)
  }
  return batch
}

const step = { seed: 1, epoch: 0, share: 1, first: true }

test('what is said to be needed is what is allocated, to the byte, and all of it is given back', async () => {
  const { device } = at
  const before = device.allocated
  for (const [batchSize, settings] of [
    [1, config],
    [3, config],
    [1, averaging],
  ] as const) {
    const engine = await TrainingEngine.allocate(device, { ...spec, config: settings, batchSize })
    expect(device.allocated - before).toBe(totalOf(engine.need))
    await engine.close()
    expect(device.allocated).toBe(before)
  }
})

test('a NaN voxel changes neither weights nor moments and stays out of the statistics; the update is skipped and counted', async () => {
  const engine = await engineFor(1, plain)
  const { storage, state, optimizer } = engine
  const snapshot = async () => ({
    parameters: await storage.readArena(state.parameters),
    running: await storage.readArena(state.running),
    first: await storage.readArena(optimizer.first),
    second: await storage.readArena(optimizer.second),
  })
  await engine.accumulate(batchOf(1), step)
  expect(await engine.update(1e-3)).toMatchObject({ applied: true })
  const before = await snapshot()
  const bad = batchOf(1, 1)
  bad.images[4321] = Number.NaN
  await engine.accumulate(bad, step)
  expect(await engine.update(1e-3)).toMatchObject({ applied: false })
  const { running, ...rest } = await snapshot()
  expect(rest).toEqual({ parameters: before.parameters, first: before.first, second: before.second })
  expect(running.every(Number.isFinite)).toBe(true)
  expect([...(await storage.readWords(optimizer.counts))]).toEqual([1, 1])

  // in a window with good batches as well: the whole window is lost, nothing else
  await engine.accumulate(batchOf(1, 2), step)
  await engine.accumulate(bad, { ...step, first: false })
  expect(await engine.update(1e-3)).toMatchObject({ applied: false })
  expect((await snapshot()).parameters).toEqual(before.parameters)
  await engine.accumulate(batchOf(1, 2), step)
  expect(await engine.update(1e-3)).toMatchObject({ applied: true })
  expect([...(await storage.readWords(optimizer.counts))]).toEqual([2, 2])
  const after = await snapshot()
  expect(after.parameters).not.toEqual(before.parameters)
  expect(after.parameters.every(Number.isFinite)).toBe(true)
})

test('an update that is skipped leaves the average of weights and statistics as it was', async () => {
  const engine = await engineFor(1, averaging)
  const { storage, optimizer } = engine
  const { parameters, running } = optimizer.averaged!
  const snapshot = () => Promise.all([parameters, running].map(arena => storage.readArena(arena)))
  await engine.accumulate(batchOf(1), step)
  await engine.update(1e-3)
  const before = await snapshot()
  const bad = batchOf(1, 1)
  bad.images[4321] = Number.NaN
  await engine.accumulate(batchOf(1, 2), step) // moves the running statistics
  await engine.accumulate(bad, { ...step, first: false })
  expect(await engine.update(1e-3)).toMatchObject({ applied: false })
  expect(await snapshot()).toEqual(before)
  await engine.accumulate(batchOf(1, 2), step)
  expect(await engine.update(1e-3)).toMatchObject({ applied: true })
  const after = await snapshot()
  for (const [i, values] of after.entries()) {
    expect(values).not.toEqual(before[i])
    expect(values.every(Number.isFinite)).toBe(true)
  }
})

describe('with activations stored as f16', () => {
  const half = { ...config, compute: { ...config.compute, precision: 'f16' as const } }
  const averagingHalf = { ...half, optimizer: averaging.optimizer }

  test.runIf(at.device.facts.features.has('shader-f16'))(
    'a loss scale that overflows is halved and changes nothing else; after enough good updates it doubles',
    async () => {
      const engine = await engineFor(1, averagingHalf)
      const { storage, state, optimizer } = engine
      const average = () => storage.readArena(optimizer.averaged!.parameters)
      const scale = async () => [...(await storage.readWords(state.lossScale))]
      const update = async (...before: [exponent: number, updates: number]) => {
        storage.write(state.lossScale, Uint32Array.from(before))
        await engine.accumulate(batchOf(1), step)
        return engine.update(1e-3)
      }
      expect(await scale()).toEqual([INITIAL_LOSS_SCALE.exponent, 0])
      const [before, averagedBefore] = [await storage.readArena(state.parameters), await average()]
      expect(await update(60, 7)).toEqual({ applied: false, lossScale: 2 ** 60 })
      expect(await scale()).toEqual([59, 0])
      expect(await storage.readArena(state.parameters)).toEqual(before)
      expect(await average()).toEqual(averagedBefore)
      expect([...(await storage.readWords(optimizer.counts))]).toEqual([0, 1])

      expect(await update(16, LOSS_SCALE_GROWTH.interval - 1)).toEqual({ applied: true, lossScale: 2 ** 16 })
      expect(await scale()).toEqual([17, 0])
      const moved = await storage.readArena(state.parameters)
      expect(moved).not.toEqual(before)
      expect(moved.every(Number.isFinite)).toBe(true)
      expect(await average()).not.toEqual(averagedBefore)
    },
  )

  test('takes less memory, and an adapter that has no f16 is refused in one line', async () => {
    const { facts, name } = at.device
    const needOf = (each: typeof config) => planTraining(facts, { ...spec, config: each, batchSize: 4 }).need
    const [full, narrow] = [needOf(config), needOf(half)]
    expect(narrow.working).toBeLessThan(0.8 * full.working)
    const without = Object.create(at.device, { facts: { value: { ...facts, features: new Set() } } }) as Device
    await expect(TrainingEngine.allocate(without, { ...spec, config: half })).rejects.toThrow(
      `compute.precision is 'f16': ${name} has no shader-f16, expected 'f32'`,
    )
  })
})

test('a batch is copied before a call returns, so that the loader may overwrite it', async () => {
  const engine = await engineFor(1)
  const prepared = await engine.prepareEvaluation()
  for (const call of [
    (host: HostBatch) => engine.accumulate(host, step),
    (host: HostBatch) => engine.evaluate(prepared, host),
  ]) {
    const expected = await call(batchOf(1))
    const host = batchOf(1)
    const result = call(host)
    for (const values of Object.values(host)) values.fill(0)
    expect(await result).toEqual(expected)
  }
})

describe('padding', () => {
  test('is in no figure: a padded batch gives what its real samples give alone', async () => {
    const [one, three] = [await engineFor(1), await engineFor(3)]
    const alone = await one.evaluate(await one.prepareEvaluation(), batchOf(1, 5))
    const padded = await three.evaluate(await three.prepareEvaluation(), batchOf(3, 5, 1))
    for (const [name, value] of Object.entries(alone.terms))
      expect(padded.terms[name as keyof typeof padded.terms], name).toBeCloseTo(value, 5)
    expect([...padded.presence]).toEqual([...alone.presence, -1, -1, -1, -1, -1, -1])
  })

  test('validation of pairs is the same for batch sizes 1, 2 and 3', async () => {
    const SAMPLES = 4
    const figures: Record<string, number>[] = []
    for (const size of [1, 2, 3]) {
      const engine = await engineFor(size)
      const prepared = await engine.prepareEvaluation()
      const tally = new Tally(3, 0.5)
      for (let first = 0; first < SAMPLES; first += size)
        tally.add(await engine.evaluate(prepared, batchOf(size, first, Math.min(size, SAMPLES - first))))
      const { presenceAccuracy, meanDice, hardDice } = tally
      figures.push({ presenceAccuracy: presenceAccuracy!, meanDice: meanDice!, hardDice: hardDice! })
    }
    expect(figures[0]!.meanDice).toBeGreaterThan(0)
    for (const found of figures)
      for (const [name, value] of Object.entries(found)) expect(value, name).toBeCloseTo(figures[0]![name]!, 6)
  })
})

describe('a replay', () => {
  test('kernel by kernel gives the same bits, and names every kernel', async () => {
    const engine = await engineFor(2)
    const { storage, state } = engine
    await engine.accumulate(batchOf(2), step)
    const replayed = await storage.readArena(state.gradients)
    const statistics = await storage.readArena(state.batch)
    storage.writeArena(state.gradients, new Float32Array(state.gradients.length))
    storage.writeArena(state.batch, new Float32Array(state.batch.length))
    const times = await engine.profile()
    expect(times).toHaveLength(engine.dispatches)
    for (const { label, shader, seconds } of times) {
      expect(label).not.toBe('')
      expect(shader).toMatch(/^[\w/]+( \w+=\w+)*:\w+$/)
      expect(seconds).toBeGreaterThan(0)
    }
    expect(await storage.readArena(state.gradients)).toEqual(replayed)
    expect(await storage.readArena(state.batch)).toEqual(statistics)
    expect(replayed.some(value => value !== 0)).toBe(true)
  })

  test('cut into submits gives the same bits', async () => {
    const state = new ModelState(shape)
    const batch = batchTensors(state, 1)
    const { calls, outputs } = recordTraining(state, batch, config, STRUCTURES)
    const plan = makePlan('accumulate', calls, [outputs.terms], at.device.facts)
    const storage = new Storage(at.device)
    for (const arena of [state.parameters, state.gradients, state.running, state.batch]) storage.addArena(arena)
    for (const t of [state.batchesTracked, ...Object.values(batch)]) storage.addTensor(t)
    writeInitial(storage, state, initialisationOf(config))
    const host = batchOf(1)
    storage.write(batch.image, host.images)
    storage.write(batch.maskBits, host.maskBits)
    storage.write(batch.presence, host.presence)
    storage.write(batch.ones, new Float32Array(VOXELS).fill(1))
    storage.write(batch.seed, Float32Array.of(1))
    const pool = await SlotPool.allocate(at.device, [plan])
    const runner = await Runner.prepare(plan, { ...at, storage, pool })
    const submit = vi.spyOn(at.device.gpu.queue, 'submit')
    const gradients: Float32Array[] = []
    for (const count of [1, 3, 10]) {
      runner.slice(count)
      pool.poison()
      submit.mockClear()
      runner.submit(undefined, encoder => encoder.clearBuffer(storage.bufferOf(state.gradients)))
      expect(submit).toHaveBeenCalledTimes(count)
      gradients.push(await storage.readArena(state.gradients))
    }
    submit.mockRestore()
    expect(gradients[0]!.some(value => value !== 0)).toBe(true)
    expect(gradients[1]).toEqual(gradients[0])
    expect(gradients[2]).toEqual(gradients[0])
    pool.destroy()
    storage.destroy()
  })
})

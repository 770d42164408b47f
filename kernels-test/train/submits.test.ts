import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { defaultConfig } from '../../src/config/schema.ts'
import { Device } from '../../src/gpu/device.ts'
import { GUARANTEED_FACTS } from '../../src/graph/kernel.ts'
import type { Plan } from '../../src/plan/plan.ts'
import { Readback } from '../../src/plan/readback.ts'
import { Submits, slowSeconds } from '../../src/plan/submits.ts'
import { planTraining } from '../../src/train/training_plans.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { SMALL, STRUCTURES, smallDataset, trainHere } from './training_here.ts'

afterEach(() => vi.restoreAllMocks())

const slowReplay = ({ dispatches }: Plan): number => dispatches.reduce((sum, each) => sum + slowSeconds(each), 0)

test('a plan is taken for slow until it is timed; then the longest of the last replays counts', () => {
  const submits = new Submits(4.2, 3, 0.5)
  expect(submits.count).toBe(9)
  submits.took(0, 2000)
  expect(submits.count).toBe(4)
  submits.took(1000, 3000) // began when the one before ended
  expect(submits.count).toBe(4)
  submits.took(1500, 3001) // this thread was busy: the results of two arrived at once
  expect(submits.count).toBe(4)
  submits.took(4000, 4100)
  submits.took(4100, 4200)
  submits.took(4200, 4300)
  expect(submits.count).toBe(1)
  expect(new Submits(4.2, 3).count).toBe(1) // no watchdog
})

test('the first step of the default model is cut for a slow GPU', () => {
  const shape = { structures: 13, size: [64, 64, 32], inChannels: 1, channels: defaultConfig().model.channels } as const
  const structureNames = Array.from({ length: 13 }, (_, i) => `organ ${i}`)
  const spec = { config: defaultConfig(), shape, structureNames, batchSize: 2 }
  const { accumulate } = planTraining(GUARANTEED_FACTS, spec)
  expect(new Submits(slowReplay(accumulate), 3, 0.5).count).toBeGreaterThan(10)
  // a dispatch cannot be cut: with the longest of the default model, a GPU needs 30 GFLOP/s to be done in two seconds
  expect(Math.max(...accumulate.dispatches.map(({ flops }) => flops))).toBeLessThan(60e9)
})

interface Event {
  plan: string
  submits?: number
  seconds?: number
}

/** Every replay with its submits, and every timing of one, in order. */
function watch(): Event[] {
  const events: Event[] = []
  const plans = new Map<unknown, string>()
  const queue = vi.spyOn(device.gpu.queue, 'submit')
  const { submit } = Readback.prototype
  vi.spyOn(Readback.prototype, 'submit').mockImplementation(function (this: Readback, before) {
    const { name } = this.runner.plan
    plans.set(Reflect.get(this, 'submits'), name)
    const earlier = queue.mock.calls.length
    const results = submit.call(this, before)
    events.push({ plan: name, submits: queue.mock.calls.length - earlier })
    return results
  })
  const { took } = Submits.prototype
  vi.spyOn(Submits.prototype, 'took').mockImplementation(function (this: Submits, submitted, arrived) {
    const ended = Reflect.get(this, 'ended') as number
    events.push({ plan: plans.get(this)!, seconds: (arrived - Math.max(submitted, ended)) / 1000 })
    took.call(this, submitted, arrived)
  })
  return events
}

const device = await Device.open()
const root = temporaryDirectory()

test.each([1, 2, 3])('with %i batches an epoch, every step has the submits of the time it takes', async batches => {
  const folder = join(root, String(batches))
  const dataset = await smallDataset(join(folder, 'dataset'), batches, 1)
  const words = [...SMALL, `dataset_path=${dataset}`, 'training.num_epochs=2', 'augmentation.enabled=False']
  const { config } = loadConfig({ overrides: words })
  const shape = { structures: 3, size: [32, 16, 16], inChannels: 1, channels: config.model.channels } as const
  vi.spyOn(Device, 'open').mockResolvedValue(device)
  const plans = planTraining(device.facts, { config, shape, structureNames: STRUCTURES, batchSize: 1 })
  const longest = slowReplay(plans.accumulate) / 4.5
  device.facts.longestSubmit = longest
  const events = watch()
  await trainHere(folder, words)

  for (const name of ['accumulate', 'evaluate'] as const) {
    const { dispatches } = plans[name]
    const known: number[] = []
    const counts: number[] = []
    for (const { plan, submits, seconds } of events) {
      if (plan !== name) continue
      if (seconds !== undefined) known.push(seconds)
      if (submits === undefined) continue
      const replay = known.length === 0 ? slowReplay(plans[name]) : Math.max(...known.slice(-3))
      expect(submits).toBe(Math.min(Math.ceil(replay / longest), dispatches.length))
      counts.push(submits)
    }
    expect(counts).toHaveLength(2 * (name === 'accumulate' ? batches : 1))
    expect(counts[0]).toBe(name === 'accumulate' ? 5 : Math.ceil(slowReplay(plans.evaluate) / longest))
  }
})

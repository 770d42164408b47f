// full: resumes trainings with tuned variants
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Checkpoint, readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { loadConfig } from '../../src/config/load.ts'
import { chooseVariant } from '../../src/plan/lower.ts'
import { fixVariants } from '../../src/run/variants.ts'
import type { Progress } from '../../src/train/progress.ts'
import { trainingCalls } from '../../src/train/training_plans.ts'
import { identityOf } from '../../src/tune/adapter_identity.ts'
import { openCalls } from '../../src/tune/autotune.ts'
import { TuningCache } from '../../src/tune/cache.ts'
import { FixedChoice } from '../../src/tune/choice.ts'
import { candidatesOf } from '../../src/tune/kernel_text.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { testDevice } from '../harness.ts'
import { SMALL, STRUCTURES, smallDataset, trainHere } from '../train/training_here.ts'

const { device } = await testDevice() // before the cache is elsewhere: the software adapter is found there

const root = temporaryDirectory()
const dataset = await smallDataset(join(root, 'dataset'), 2, 1)
const words = [...SMALL, `dataset_path=${dataset}`, 'checkpoint.save_frequency=1']
const epochs = (count: number): string[] => [...words, `training.num_epochs=${count}`]
const pathOf = (run: string, file: string): string => join(root, run, 'checkpoints', file)
const read = (run: string, file: string): Checkpoint => readCheckpoint(pathOf(run, file))
const variantsOf = ({ sadaan }: Checkpoint) => (sadaan as unknown as Progress).variants!
const bits = ({ model, optimizer }: Checkpoint) => ({ model, optimizer })

beforeAll(() => {
  vi.stubEnv('XDG_CACHE_HOME', join(root, 'cache'))
})
afterAll(() => {
  vi.unstubAllEnvs()
})

/** Puts into the cache that some calls of every kind shall run as a variant that the rules would not take. */
function forceOthers(): void {
  const { config } = loadConfig({ overrides: words })
  const shape = {
    structures: STRUCTURES.length,
    size: [32, 16, 16],
    inChannels: 1,
    channels: config.model.channels,
  } as const
  const cache = new TuningCache(identityOf(device), line => {
    throw new Error(line)
  })
  const calls = openCalls(trainingCalls({ config, shape, structureNames: STRUCTURES, batchSize: 1 }), device.facts)
  expect(calls.length).toBeGreaterThan(10)
  for (const { call, signature, digest } of calls.slice(0, 6)) {
    const rules = chooseVariant(call, device.facts).name
    const { name } = candidatesOf(call, device.facts).find(({ name }) => name !== rules)!
    cache.add(signature, digest, { variant: name, milliseconds: { [name]: 1 } })
  }
}

test('a resumed run keeps its variants, bit for bit, though the cache says others by now', async () => {
  await trainHere(join(root, 'run'), epochs(2))
  const [straight, half] = [read('run', 'last.pth'), read('run', 'checkpoint_epoch_1.pth')]
  forceOthers()
  await trainHere(join(root, 'run'), epochs(2), pathOf('run', 'checkpoint_epoch_1.pth'))
  const resumed = read('run', 'last.pth')
  expect(bits(resumed)).toEqual(bits(straight))
  expect(variantsOf(resumed)).toEqual(variantsOf(straight))
  // the cache makes a difference to a run that starts with it
  await trainHere(join(root, 'others'), epochs(1))
  const others = read('others', 'last.pth')
  expect(bits(others)).not.toEqual(bits(half))
  expect(variantsOf(others)).not.toEqual(variantsOf(half))
})

test('the record of a run names its variants', () => {
  const info = (run: string, id: number) => JSON.parse(readFileSync(join(root, run, 'runs', `${id}/info.json`), 'utf8'))
  const [first, resumed, others] = [info('run', 1), info('run', 2), info('others', 1)].map(({ variants }) => variants)
  expect(first).toMatchObject({ origin: 'cache', calls: { 'conv3d.forward': expect.any(Object) } })
  expect(resumed).toEqual({ ...first, origin: 'checkpoint' })
  expect(others.digest).not.toBe(first.digest)
})

test('on another adapter they are chosen anew; what is no table of variants is refused', async () => {
  const { config } = loadConfig({ overrides: [...words, 'compute.autotune=off'] })
  const recorded = (value: unknown) => FixedChoice.fromRecord(value, 'last.pth')
  const lines: string[] = []
  const fix = (value: unknown) =>
    fixVariants({ device, config, calls: [], recorded: recorded(value), say: line => lines.push(line) })
  const here = variantsOf(read('run', 'last.pth'))
  expect(await fix(here)).toMatchObject({ origin: 'checkpoint' })
  expect((await fix(here)).fixed.toRecord()).toEqual(here)
  expect(await fix(undefined)).toMatchObject({ origin: 'rules' })
  expect(lines).toEqual([])
  expect(await fix({ ...here, adapter: 'a card' })).toMatchObject({ origin: 'rules' })
  expect(lines).toEqual(['kernel variants are chosen again: the checkpoint was written on a card'])
  for (const nonsense of ['direct', { adapter: 'a card' }, { adapter: 'a card', variants: { conv: 7 } }])
    expect(() => recorded(nonsense)).toThrow(/^last\.pth: sadaan_gpu\.variants cannot be read, expected [^\n]+$/)
})

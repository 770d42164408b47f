import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Checkpoint, readCheckpoint, writeCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { loadConfig } from '../../src/config/load.ts'
import { chooseVariant, fittingVariants } from '../../src/plan/lower.ts'
import { TrainingEngine } from '../../src/train/engine.ts'
import type { Progress } from '../../src/train/resume.ts'
import { identityOf } from '../../src/tune/adapter_identity.ts'
import { openCalls } from '../../src/tune/autotune.ts'
import { TuningCache } from '../../src/tune/cache.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { testDevice } from '../harness.ts'
import { SMALL, STRUCTURES, smallDataset, trainHere } from '../train/training_here.ts'

const { device } = await testDevice() // before the cache is elsewhere: the software adapter is found there

const root = temporaryDirectory()
const dataset = await smallDataset(join(root, 'dataset'), 2, 1)
const words = [...SMALL, `dataset_path=${dataset}`]
const epochs = (count: number): string[] => [...words, `training.num_epochs=${count}`]
const read = (run: string): Checkpoint => readCheckpoint(join(root, run, 'checkpoints/last.pth'))
const progressOf = ({ sadaan }: Checkpoint) => sadaan as unknown as Progress
const bits = ({ model, optimizer }: Checkpoint) => ({ model, optimizer })

beforeAll(() => {
  vi.stubEnv('XDG_CACHE_HOME', join(root, 'cache'))
})
afterAll(() => {
  vi.unstubAllEnvs()
})

/** Puts into the cache that every call shall run as a variant that the rules would not take. */
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
  const calls = openCalls(TrainingEngine.calls(config, shape, STRUCTURES, 1), device.facts)
  expect(calls.length).toBeGreaterThan(10)
  for (const { call, signature, digest } of calls) {
    const rules = chooseVariant(call, device.facts).name
    const { name } = fittingVariants(call, device.facts).find(({ name }) => name !== rules)!
    cache.add(signature, digest, { variant: name, milliseconds: { [name]: 1 } })
  }
}

test('a resumed run keeps its variants, bit for bit, though the cache says others by now', async () => {
  await trainHere(join(root, 'straight'), epochs(2))
  await trainHere(join(root, 'halves'), epochs(1))
  forceOthers()
  await trainHere(join(root, 'others'), epochs(2))
  await trainHere(join(root, 'halves'), epochs(2), true)
  const straight = read('straight')
  expect(bits(read('halves'))).toEqual(bits(straight))
  expect(progressOf(read('halves')).variants).toEqual(progressOf(straight).variants)
  // the cache would have made a difference
  expect(bits(read('others'))).not.toEqual(bits(straight))
  expect(progressOf(read('others')).variants).not.toEqual(progressOf(straight).variants)
})

test('the record of a run names its variants', () => {
  const info = (run: string, id: number) => JSON.parse(readFileSync(join(root, run, 'runs', `${id}/info.json`), 'utf8'))
  const [straight, resumed, others] = [info('straight', 1), info('halves', 2), info('others', 1)].map(i => i.variants)
  expect(straight).toMatchObject({ origin: 'cache', calls: { 'conv3d.forward': expect.any(Object) } })
  expect(resumed).toEqual({ ...straight, origin: 'checkpoint' })
  expect(others.digest).not.toBe(straight.digest)
})

test('variants of another adapter are chosen anew, and what is no table of variants is refused', async () => {
  const checkpoint = read('straight')
  const with_ = (variants: unknown): string => {
    const path = join(root, 'changed.pth')
    writeCheckpoint(path, { ...checkpoint, sadaan: { ...checkpoint.sadaan, variants: variants as never } })
    return path
  }
  const elsewhere = with_({ ...progressOf(checkpoint).variants, adapter: 'a card' })
  const { lines } = await trainHere(join(root, 'elsewhere'), epochs(3), elsewhere)
  expect(lines).toContain('kernels are chosen anew: the checkpoint was written on a card')
  const nonsense = trainHere(join(root, 'nonsense'), epochs(3), with_({ adapter: 'a card', variants: { conv: 7 } }))
  await expect(nonsense).rejects.toThrow(/^\S+changed\.pth: sadaan_gpu\.variants cannot be read, expected [^\n]+$/)
})

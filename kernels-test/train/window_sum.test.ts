import { afterAll, expect, test } from 'vitest'
import { defaultConfig } from '../../src/config/schema.ts'
import { totalOf } from '../../src/run/memory.ts'
import { initialisationOf, writeInitial } from '../../src/run/model_weights.ts'
import { type HostBatch, TrainingEngine } from '../../src/train/engine.ts'
import { planTraining } from '../../src/train/training_plans.ts'
import { testDevice } from '../harness.ts'
import { normError } from '../numbers.ts'
import { smallBatch } from './small_batch.ts'
import { STRUCTURES } from './training_here.ts'

const at = await testDevice()
const VOXELS = 32 * 16 * 16
const BATCHES = 7
const config = defaultConfig()
const shape = { structures: 3, size: [32, 16, 16], inChannels: 1, channels: [2, 4, 4, 6, 8] } as const
const spec = { config, shape, structureNames: STRUCTURES, batchSize: 1 }
const engine = await TrainingEngine.allocate(at.device, { ...spec, window: BATCHES })
afterAll(() => engine.close())
await engine.prepare()
writeInitial(engine.storage, engine.state, initialisationOf(config))

const batches = Array.from({ length: BATCHES }, (_, i) => smallBatch(i, VOXELS))

/** The gradient of a window of these batches. A learning rate of 0 leaves the weights as they are. */
async function gradientOf(window: readonly HostBatch[]): Promise<Float32Array> {
  for (const batch of window) await engine.accumulate(batch, { seed: 1, epoch: 0, share: 1 / BATCHES })
  await engine.update(0)
  return engine.storage.readArena(engine.state.gradients)
}

const alone: Float32Array[] = []
for (const batch of batches) alone.push(await gradientOf([batch]))

/** The sum of leaves [first, first + 2^level), of those that there are. */
function treeOf(leaves: readonly Float32Array[], first: number, level: number): Float32Array {
  if (level === 0) return leaves[first]!
  const middle = first + 2 ** (level - 1)
  const left = treeOf(leaves, first, level - 1)
  if (middle >= leaves.length) return left
  const right = treeOf(leaves, middle, level - 1)
  return left.map((value, i) => value + right[i]!)
}

/** Adapters may take what is below for 0; a sum of larger values is exact to the bit. */
const SMALLEST_NORMAL = 2 ** -126

test.each([1, 2, 3, 4, 5, 6, 7])('a window of %i batches has the tree of their gradients alone', async length => {
  const leaves = alone.slice(0, length)
  const summed = await gradientOf(batches.slice(0, length))
  const tree = treeOf(leaves, 0, 3)
  const differing = [...summed.keys()].filter(
    i =>
      summed[i] !== tree[i] && leaves.every(leaf => leaf[i] === 0 || Math.abs(leaf[i]!) >= 2 ** 24 * SMALLEST_NORMAL),
  )
  expect(differing).toEqual([])
  const exact = Float64Array.from(tree, (_, i) => leaves.reduce((sum, leaf) => sum + leaf[i]!, 0))
  expect(normError(summed, exact)).toBeLessThan(1e-6)
  expect(summed.some(value => value !== 0)).toBe(true)
})

test('the order of additions is seen in the bits', () => {
  const inARow = alone.reduce((sum, leaf) => sum.map((value, i) => value + leaf[i]!))
  expect(inARow).not.toEqual(treeOf(alone, 0, 3))
})

test('a window takes a copy of the gradients for each level of its tree', () => {
  const needOf = (window: number) => totalOf(planTraining(at.device.facts, { ...spec, window }).need)
  const copy = engine.state.gradients.length * 4
  const levels = [1, 2, 3, 4, 5, 8, 9].map(window => (needOf(window) - needOf(1)) / copy)
  for (const [i, expected] of [0, 1, 2, 2, 3, 3, 4].entries()) expect(levels[i]).toBeCloseTo(expected, 1)
  expect(needOf(1)).toBe(totalOf(planTraining(at.device.facts, { ...spec, config: single }).need))
})

const single = { ...config, training: { ...config.training, gradient_accumulation_steps: 1 } }

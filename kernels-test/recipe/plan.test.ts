import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { configSchema } from '../../src/config/schema.ts'
import { Device } from '../../src/gpu/device.ts'
import { datasetMaterial } from '../../src/recipe/dataset_material.ts'
import { modelDecisions, type RunLength, runDecisions, treeOf } from '../../src/recipe/decisions.ts'
import { candidatesFor } from '../../src/recipe/frame.ts'
import { planRun } from '../../src/recipe/plan.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { smallDataset } from '../train/training_here.ts'

const folder = join(temporaryDirectory(), 'dataset')
mkdirSync(folder)
await smallDataset(folder, 12, 4)
const material = await datasetMaterial(folder)

test('an adapter that cannot hold one sample is one line, before anything is measured', async () => {
  const device = await Device.open(process.env.SADAAN_ADAPTER, { maxBufferBytes: 2 ** 16 })
  const said: string[] = []
  const plan = planRun(device, material, { hours: 1, say: line => said.push(line) })
  await expect(plan).rejects.toThrow(/^configure: .* cannot hold even one sample of any size \(.+\)$/)
  expect(said).toEqual([])
  device.close()
})

/** The configuration that the decisions for the dataset give, and their keys. */
async function decided(run: Partial<RunLength>, of = material) {
  const device = await Device.open(process.env.SADAAN_ADAPTER)
  const candidate = candidatesFor(of).at(-1)!
  const counts = of.count(candidate.form)
  const length = { epochs: 20, updatesPerEpoch: 3, validateEvery: 2, reason: 'said', isRepetitive: false, ...run }
  const decisions = [
    ...modelDecisions(device, of, { candidate, batchSize: 4, counts }),
    ...runDecisions(device, of, length),
  ]
  device.close()
  return { decisions, config: configSchema.parse(treeOf(decisions)) }
}

test('the decisions are a valid configuration, each with a reason; the schedule ends with the run', async () => {
  const { config, decisions } = await decided({})
  expect(decisions.every(({ reason }) => reason.length > 0)).toBe(true)
  expect(new Set(decisions.map(({ key }) => key)).size).toBe(decisions.length)
  expect(config.training).toMatchObject({ num_epochs: 20, validate_every_n_epochs: 2, early_stopping_patience: 20 })
  expect(config.training.warmup_epochs).toBeLessThanOrEqual(1)
  expect(config.optimizer.lr_scheduler).toBe('cosine_over_run')
  // left_lung and right_lung swap
  expect(config.augmentation.flip_axes).toEqual([0])
})

test('many passes over the same samples are augmented more', async () => {
  const [few, many] = [await decided({}), await decided({ isRepetitive: true, epochs: 500 })]
  expect(few.config.augmentation.gamma_probability).toBe(0)
  expect(many.config.augmentation.gamma_probability).toBeGreaterThan(0)
  expect(many.config.augmentation.rotation_degrees).toBeGreaterThan(few.config.augmentation.rotation_degrees)
})

test('without a structure in the validation, the loss selects the best epoch', async () => {
  expect((await decided({}, { ...material, hasValidStructures: false })).config.checkpoint.monitor).toBe('total_loss')
  expect((await decided({})).config.checkpoint.monitor).toBe('hard_dice')
})

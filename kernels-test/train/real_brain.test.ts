// full: trains until the model has learned a head
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, test } from 'vitest'
import { importScans } from '../../src/data/import/import.ts'
import { IMPORT_DEFAULTS } from '../../src/data/import/import_options.ts'
import { readMetrics } from '../../src/track/metrics.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { trainHere } from './training_here.ts'

const root = temporaryDirectory()
const dataset = join(root, 'dataset')
const fixture = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/head/KmeansTest_T1${name}.nii.gz`, import.meta.url))
const TISSUES = [
  { marks: [4], name: 'csf' },
  { marks: [5], name: 'grey_matter' },
  { marks: [6], name: 'white_matter' },
]

/** A narrow SADAAN on one sample. The Dice term leads: the tissues are some 3 to 6 % of the volume. */
const words = [
  `dataset_path=${dataset}`,
  'model.channels=[4,8,8,16,16]',
  'model.dropout=0',
  'training.batch_size=1',
  'training.gradient_accumulation_steps=1',
  'training.warmup_epochs=0',
  'training.validate_every_n_epochs=10',
  'optimizer.lr_scheduler=none',
  'augmentation.enabled=False',
  'loss_weights.dice=10',
  'loss_weights.focal_seg=0',
  'checkpoint.monitor=hard_dice',
]

beforeAll(async () => {
  await importScans({
    ...IMPORT_DEFAULTS,
    sources: [{ images: fixture('UCharRaw'), labels: fixture('KmeansPrelimSegmentation'), structures: TISSUES }],
    outputDir: dataset,
    imageSize: [32, 32, 16],
    validationSplit: 0,
  })
})

test('a narrow SADAAN learns the tissues of a real head', async () => {
  const still = ['training.num_epochs=1', 'training.learning_rate=1e-30', 'optimizer.lr_min=0']
  const untrained = await trainHere(join(root, 'untrained'), [...words, ...still])
  const before = untrained.validation!.hardDice!
  const { best, run } = await trainHere(join(root, 'trained'), [
    ...words,
    'training.num_epochs=110',
    'training.learning_rate=0.01',
  ])
  const metrics = readMetrics(run!)
  expect(metrics.get('val.epoch.hard_dice')!.values).toContain(best.value)
  for (const { name } of TISSUES) expect(metrics.has(`val.dice.${name}`), name).toBe(true)
  expect(best.value).toBeGreaterThanOrEqual(0.5)
  expect(best.value! - before, `from ${before} to ${best.value}`).toBeGreaterThanOrEqual(0.3)
})

import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { openSession } from '../../src/train/session.ts'
import { Tally } from '../../src/train/tally.ts'
import { temporaryDirectory, writeDataset } from '../data/small_dataset.ts'
import { batchOf, factsOf, metricsOf, type TestPair } from './made_pairs.ts'

test('0/0 is null: precision, recall and F1 without a positive, even beside false positives', () => {
  const metrics = metricsOf(['never', 'false alarms', 'missed'])
  const sample: TestPair[] = [
    { presence: 0, q: 0.1 },
    { presence: 0, q: 0.9 },
    { presence: 1, q: 0.1 },
  ]
  metrics.add(batchOf([sample, sample]), factsOf('', ''))
  const { presence_per_structure: found } = metrics.detailed()
  const none = { precision: null, recall: null, f1_score: null }
  expect(found.never).toMatchObject({ ...none, accuracy: 1, true_negatives: 2 })
  expect(found['false alarms']).toMatchObject({ ...none, accuracy: 0, false_positives: 2 })
  // nothing was predicted present: precision is 0/0, recall and F1 are 0
  expect(found.missed).toMatchObject({ precision: null, recall: 0, f1_score: 0, false_negatives: 2 })
})

test('an interval needs five samples that define its metric, whatever the number of pairs', () => {
  const metrics = metricsOf(['a', 'b'])
  const present: TestPair = { presence: 1, q: 0.9, mask: 4, predicted: 4, both: 3, surface: { hd95: 1, mean: 1 } }
  const lost: TestPair = { presence: 1, q: 0.9, mask: 4 }
  const absent: TestPair = { presence: 0, q: 0.9 }
  const samples = [...Array(4).fill([present, absent]), [lost, present]] as TestPair[][]
  metrics.add(batchOf(samples), factsOf(...samples.map(() => '')))
  const { confidence_intervals: found } = metrics.detailed()
  expect(found.mean_dice).not.toBeNull() // five samples
  expect(found.mean_hd95).not.toBeNull()
  expect(found.dice_per_structure.a).not.toBeNull()
  expect(found.dice_per_structure.b).toBeNull() // one sample
  expect(found.absence_sensitivity).toBeNull() // four samples
  expect(found.absence_specificity).not.toBeNull()
})

test('an epoch without known pairs has no presence accuracy, without present ones no Dice', () => {
  const tally = new Tally(2, 0.5)
  expect([tally.presenceAccuracy, tally.meanDice, tally.hardDice]).toEqual([undefined, undefined, undefined])
  const terms = { ...tally.loss }
  const absent: TestPair = { presence: 0, q: 0.9, predicted: 3 }
  tally.add({ ...batchOf([[absent, { ...absent, presence: -1 }]]), terms })
  expect([tally.presenceAccuracy, tally.meanDice, tally.hardDice]).toEqual([0, undefined, undefined])
  expect(tally.ofStructure(0)).toEqual({ presenceAccuracy: 0, dice: undefined })
  tally.add({ ...batchOf([[absent, { presence: 1, q: 0.9, mask: 4 }]]), terms })
  expect([tally.presenceAccuracy, tally.hardDice]).toEqual([1 / 3, expect.closeTo(0, 5)])
})

test('hard Dice cannot choose the best model where nothing is present', async () => {
  const folder = temporaryDirectory()
  const split = { samples: 2, structures: 2, imageSize: [16, 16, 16] as [number, number, number] }
  await writeDataset(folder, split, { ...split, presence: (_, s) => -s })
  const overrides = [`dataset_path=${folder}`, "checkpoint.monitor='hard_dice'", 'training.batch_size=2']
  const opening = openSession(loadConfig({ overrides }).config, { say: () => undefined })
  await expect(opening).rejects.toThrow(
    `${join(folder, 'val.h5')}: no structure is present in any sample, so Dice is undefined; expected checkpoint.monitor='total_loss'`,
  )
})

// full: trains eleven epochs
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { readMetrics } from '../../src/track/metrics.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { SMALL, smallDataset, trainHere } from './training_here.ts'

const root = temporaryDirectory()

test('compat=reference keeps the losses of ten epochs, whatever is set', async () => {
  const dataset = await smallDataset(join(root, 'dataset'), 3, 3)
  const words = [...SMALL, `dataset_path=${dataset}`, 'training.warmup_epochs=0', 'augmentation.enabled=False']
  const long = [...words, 'compat=reference', 'training.num_epochs=11', 'training.max_history_length=50']
  const { run } = await trainHere(root, long)
  const losses = readMetrics(run!).get('train.epoch.total_loss')!.values
  const { trainLossHistory } = readCheckpoint(join(root, 'checkpoints/last.pth'))
  expect(trainLossHistory).toEqual(losses.slice(1))
})

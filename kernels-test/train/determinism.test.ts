// full: trains a hundred updates twice
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Checkpoint, readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { expectSame, SMALL, smallDataset, trainHere } from './training_here.ts'

/** Three batches an epoch in windows of two: two updates, the second of a window that is not full. */
const EPOCHS = 50
const UPDATES = 100

const root = temporaryDirectory()
const dataset = await smallDataset(join(root, 'dataset'), 3, 1)
const words = [
  ...SMALL,
  `dataset_path=${dataset}`,
  'training.gradient_accumulation_steps=2',
  'training.validate_every_n_epochs=5',
  'training.early_stopping_patience=1000',
  'model.dropout=0.5',
  'augmentation.flip_probability=0.5',
  'optimizer.lr_restart_period=30',
  `checkpoint.save_frequency=${EPOCHS / 2}`,
]
const epochs = (count: number): string[] => [...words, `training.num_epochs=${count}`]
const read = (run: string, name: string): Checkpoint => readCheckpoint(join(root, run, 'checkpoints', name))

test('the same training twice, once in one go and once stopped half way and resumed, gives the same bits', async () => {
  await trainHere(join(root, 'straight'), epochs(EPOCHS))
  await trainHere(join(root, 'halves'), epochs(EPOCHS / 2))
  const half = `checkpoint_epoch_${EPOCHS / 2}.pth`
  const atHalf = read('straight', half)
  expect(atHalf.optimizer!.state.get(0)!.step).toBe(UPDATES / 2)
  expectSame(read('halves', half), atHalf)

  const resumed = await trainHere(join(root, 'halves'), epochs(EPOCHS), true)
  expect(resumed.lines.join('\n')).toMatch(/^resumed from .*last\.pth, after epoch 25$/m)
  const straight = read('straight', 'last.pth')
  expect(straight.optimizer!.state.get(0)!.step).toBe(UPDATES)
  expect(straight.epoch).toBe(EPOCHS - 1)
  expectSame(read('halves', 'last.pth'), straight)
  expectSame(read('halves', 'best_model.pth'), read('straight', 'best_model.pth'))

  const weights = ({ model }: Checkpoint) => model.get('encoder.enc1.0.weight')!.data
  expect(weights(atHalf)).not.toEqual(weights(straight))
})

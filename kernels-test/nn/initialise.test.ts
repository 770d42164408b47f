import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { initialValues } from '../../src/nn/initialise.ts'
import { MASK_BIAS, specify } from '../../src/nn/specification.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { SMALL, STRUCTURES, smallDataset, trainHere } from '../train/training_here.ts'

const root = temporaryDirectory()

test('a prior of the masks is the bias of their logits, and alters nothing else', () => {
  const entries = specify({ structures: 3, size: [16, 32, 16], inChannels: 1, channels: [2, 4, 4, 6, 8] })
  for (const [index, entry] of entries.entries()) {
    const plain = initialValues(entry, index, { seed: 7 })
    const primed = initialValues(entry, index, { seed: 7, maskPrior: 0.02 })
    expect(primed, entry.name).toEqual(
      entry.name === MASK_BIAS ? new Float32Array(3).fill(Math.log(0.02 / 0.98)) : plain,
    )
  }
})

test('model.mask_prior is where a training starts, and its average too', async () => {
  const dataset = await smallDataset(join(root, 'data'), 1, 1)
  const words = [`dataset_path=${dataset}`, 'training.num_epochs=1', 'training.learning_rate=1e-7']
  await trainHere(root, [...SMALL, ...words, 'model.mask_prior=0.2', 'optimizer.ema_decay=0.5'])
  const { model, live } = readCheckpoint(join(root, 'checkpoints/last.pth'))
  for (const weights of [model, live!]) {
    const bias = weights.get(MASK_BIAS)!.data
    expect(bias.length).toBe(STRUCTURES.length)
    for (const value of bias) expect(Number(value)).toBeCloseTo(Math.log(0.2 / 0.8), 5)
  }
})

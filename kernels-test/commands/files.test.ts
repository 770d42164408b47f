// full: trains for each documented option of checkpoints and pictures
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { documented, ONE_EPOCH } from './documented.ts'

const TEN_EPOCHS = ['training.num_epochs=10']

test.concurrent("checkpoint.save_dir='./experiments/run_001' is where they are", async () => {
  const left = await documented(`sadaan-gpu train with checkpoint.save_dir='./experiments/run_001'`, [ONE_EPOCH])
  expect(left.files('experiments/run_001')).toEqual(['best_model.pth', 'last.pth'])
  expect(left.checkpoint('last.pth', 'experiments/run_001').epoch).toBe(0)
  expect(left.files('.')).not.toContain('checkpoints')
})

test.concurrent('checkpoint.save_frequency=5 keeps every fifth epoch', async () => {
  const left = await documented('sadaan-gpu train with checkpoint.save_frequency=5', TEN_EPOCHS, { data: 'brief' })
  expect(left.files('checkpoints')).toEqual([
    'best_model.pth',
    'checkpoint_epoch_10.pth',
    'checkpoint_epoch_5.pth',
    'last.pth',
  ])
  expect(left.checkpoint('checkpoint_epoch_5.pth').epoch).toBe(4)
})

test.concurrent('checkpoint.keep_best_only=True keeps no periodic checkpoint', async () => {
  const left = await documented('sadaan-gpu train with checkpoint.keep_best_only=True', TEN_EPOCHS, { data: 'brief' })
  expect(left.files('checkpoints')).toEqual(['best_model.pth', 'last.pth'])
  // nor pictures of predictions, which it was told not to make
  expect(left.files('sacred_runs/1').filter(name => name.startsWith('predictions'))).toEqual([])
})

test.concurrent('the research configuration leaves pictures', async () => {
  const command = `sadaan-gpu train with \
    training.num_epochs=500 \
    training.early_stopping_patience=50 \
    loss_weights.attention_supervision=1.5 \
    optimizer.lr_scheduler='cosine_annealing' \
    augmentation.enabled=True \
    logging.visualize_predictions=True`
  const left = await documented(command, ['training.num_epochs=2'], { pictures: true })
  expect(left.config.training.early_stopping_patience).toBe(50)
  // two validation samples
  const pictures = ['predictions_sample_0.png', 'predictions_sample_1.png', 'training_curves.png']
  expect(left.files('sacred_runs/1')).toEqual(expect.arrayContaining(pictures))
  expect(left.json('sacred_runs/1/run.json').artifacts).toEqual(expect.arrayContaining(pictures))
  for (const name of pictures) {
    const bytes = readFileSync(join(left.cwd, 'sacred_runs/1', name))
    expect(bytes.subarray(1, 4).toString()).toBe('PNG')
    expect(bytes.readUInt32BE(16)).toBeGreaterThan(200) // pixels across
  }
})

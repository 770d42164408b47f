// full: trains a model, if only for seconds, because random weights leave every voxel near its threshold
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { defaultConfig } from '../../src/config/schema.ts'
import { Hdf5File } from '../../src/data/hdf5/file.ts'
import { GENERATE_DEFAULTS, generateDataset } from '../../src/data/synthetic/generate.ts'
import { exportModel } from '../../src/export/export.ts'
import { predict } from '../../src/predict/predict.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { onOneDevice } from '../one_device.ts'
import { trainHere } from '../train/training_here.ts'

const root = temporaryDirectory()
const data = join(root, 'data')
const MOST_CHANGED = 0.001 // of the foreground

test('f16 and f32 weights of a trained model predict nearly the same masks', async () => {
  await generateDataset({ ...GENERATE_DEFAULTS, outputDir: data, imageSize: [32, 16, 16], totalSamples: 40 })
  const words = [
    ...[`dataset_path=${data}`, 'model.channels=[2,4,4,6,8]', 'training.batch_size=2', 'training.num_epochs=6'],
    ...['training.learning_rate=3e-2', 'training.warmup_epochs=0', 'training.gradient_accumulation_steps=1'],
    ...['optimizer.lr_restart_period=6', 'loss_weights.dice=10', 'augmentation.enabled=False'],
    ...['logging.visualize_predictions=False', 'model.presence_threshold=0'],
  ]
  const { bestPath } = await trainHere(join(root, 'trained'), words)
  const [full, half] = [await masksOf(bestPath, 'f32'), await masksOf(bestPath, 'f16')]
  const foreground = full.reduce((sum, voxel) => sum + voxel, 0)
  const changed = full.reduce((sum, voxel, v) => sum + (voxel === half[v] ? 0 : 1), 0)
  console.log(`f16 weights change ${changed} of ${foreground} voxels of masks`)
  expect(foreground).toBeGreaterThan(5000)
  expect(changed).toBeLessThan(MOST_CHANGED * foreground)
})

/** Masks of the training samples, (N, S, H, W, D). */
async function masksOf(weights: string, precision: 'f32' | 'f16'): Promise<Uint8Array> {
  const path = join(root, `${precision}.safetensors`)
  exportModel({ weights, format: 'safetensors', precision, output: path })
  const config = defaultConfig()
  config.compute.adapter = process.env.SADAAN_ADAPTER ?? null
  const output = join(root, precision)
  const request = { config, weights: path, input: join(data, 'train.h5'), split: 'train' as const, output, raw: false }
  await onOneDevice(() => predict({ ...request, say: () => undefined, progress: () => undefined }))
  const file = await Hdf5File.open(join(output, 'masks.h5'))
  const stored = file.dataset('masks')
  const masks = Uint8Array.from(file.read(stored, 0, stored.shape[0]!))
  file.close()
  return masks
}

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Checkpoint, readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { Hdf5Writer } from '../../src/data/hdf5/writer.ts'
import { INITIAL_LOSS_SCALE } from '../../src/optim/loss_scale.ts'
import type { Progress } from '../../src/train/progress.ts'
import { temporaryDirectory, writeMetadata } from '../data/small_dataset.ts'
import { testDevice } from '../harness.ts'
import { randomOf } from '../numbers.ts'
import { expectSame, SMALL, trainHere } from './training_here.ts'

const { device } = await testDevice()
const SIZE = [32, 16, 16] as const
const SAMPLES = 8
const EPOCHS = 8
/** one of two batches of one sample */
const UPDATES = (EPOCHS * SAMPLES) / 2

const root = temporaryDirectory()

/** A bright ball of 4 to 6 voxels radius somewhere in noise, and the voxels above it: two structures that can be learned in a minute. */
async function writeBalls(path: string, samples: number): Promise<void> {
  const writer = await Hdf5Writer.create(path, [
    { name: 'images', kind: 'float32', rowShape: [...SIZE] },
    { name: 'masks', kind: 'bool', rowShape: [2, ...SIZE] },
    { name: 'presence_labels', kind: 'int64', rowShape: [2] },
  ])
  const random = randomOf(path.slice(-8))
  const [height, width, depth] = SIZE
  for (let n = 0; n < samples; n++) {
    const radius = random.uniform(4, 6)
    const centre = SIZE.map(axis => random.uniform(radius, axis - radius)) as [number, number, number]
    const image = new Float32Array(height * width * depth)
    const masks = new Uint8Array(2 * image.length)
    image.forEach((_, v) => {
      const [h, w, d] = [Math.floor(v / (width * depth)), Math.floor(v / depth) % width, v % depth] as const
      const inside = Math.hypot(h - centre[0], w - centre[1], d - centre[2]) <= radius
      image[v] = (inside ? 160 : 60) + 20 * random.normal()
      masks[v] = Number(inside)
      masks[image.length + v] = Number(h < centre[0] && !inside)
    })
    writer.append(
      'images',
      image.map(value => Math.min(Math.max(value, 0), 255)),
    )
    writer.append('masks', masks)
    writer.append('presence_labels', BigInt64Array.of(1n, 1n))
  }
  writer.writeStrings(
    'scenarios',
    Array.from({ length: samples }, () => 'ball'),
  )
  await writer.finish()
}

const dataset = join(root, 'dataset')
mkdirSync(dataset)
await writeBalls(join(dataset, 'train.h5'), SAMPLES)
await writeBalls(join(dataset, 'val.h5'), 4)
writeMetadata(dataset, { structure_names: ['ball', 'above'], image_size: [...SIZE] })

const words = [
  ...SMALL,
  `dataset_path=${dataset}`,
  'training.learning_rate=2e-2',
  'training.warmup_epochs=0',
  'training.gradient_accumulation_steps=2',
  'loss_weights.dice=10',
  'checkpoint.monitor=hard_dice',
  `checkpoint.save_frequency=${EPOCHS / 2}`,
]
const train = (name: string, precision: string, epochs: number, resume = false) =>
  trainHere(join(root, name), [...words, `compute.precision='${precision}'`, `training.num_epochs=${epochs}`], resume)
const read = (name: string, file: string): Checkpoint => readCheckpoint(join(root, name, 'checkpoints', file))

describe.skipIf(!device.facts.features.has('shader-f16'))('training with activations stored as f16', () => {
  test('learns as f32 does; in one go or stopped half way and resumed, it gives the same bits', async () => {
    const full = await train('f32', 'f32', EPOCHS)
    const half = await train('f16', 'f16', EPOCHS)
    const [expected, found] = [full, half].map(({ validation }) => validation!.hardDice) as [number, number]
    expect(expected).toBeGreaterThan(0.8)
    expect(Math.abs(found - expected)).toBeLessThan(0.05)

    await train('halves', 'f16', EPOCHS / 2)
    const between = `checkpoint_epoch_${EPOCHS / 2}.pth`
    expectSame(read('halves', between), read('f16', between))
    await train('halves', 'f16', EPOCHS, true)
    const last = read('f16', 'last.pth')
    expectSame(read('halves', 'last.pth'), last)
    expect((last.sadaan as unknown as Progress).lossScale).toEqual({ ...INITIAL_LOSS_SCALE, updates: UPDATES })
  })
})

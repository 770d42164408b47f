// full: trains for each key of learning and augmentation
import { expect, test } from 'vitest'
import { initialValues } from '../../src/nn/initialise.ts'
import { specify } from '../../src/nn/specification.ts'
import type { AugmentSettings } from '../../src/ops/augment/settings.ts'
import { TERMS } from '../../src/run/batch_result.ts'
import { augmentReference } from '../cases/augment.ts'
import { relativeError } from '../numbers.ts'
import { documented, type Left, ONE_EPOCH, SIZE, STRUCTURES, WEIGHTS } from './documented.ts'
import { firstBatch, firstLoss, keysOf, voxelsSeen } from './seen.ts'

/** At every batch the total is the sum of the terms by these weights. */
function expectWeights(left: Left, weights: Partial<typeof WEIGHTS>): void {
  const points = Object.fromEntries(TERMS.map(term => [term, left.values(`train.batch.${term}`) as number[]]))
  const sums = points.total!.map((_, i) =>
    Object.entries({ ...WEIGHTS, ...weights }).reduce((sum, [term, weight]) => sum + weight * points[term]![i]!, 0),
  )
  expect(relativeError(points.total!, sums)).toBeLessThan(1e-5)
  // a term that is 0 would hide its weight
  for (const term of Object.keys(weights)) expect(points[term]!.every(value => value > 0)).toBe(true)
}

test.concurrent.each([
  {
    command: 'sadaan-gpu train with loss_weights.dice=3.0 loss_weights.segmentation=0.5',
    weights: { dice: 3, segmentation: 0.5 },
  },
  {
    command: 'sadaan-gpu train with loss_weights.attention_supervision=1.0',
    weights: { attention_supervision: 1 },
  },
  {
    command: 'sadaan-gpu train with loss_weights.false_positive_suppression=1.0',
    weights: { false_positive_suppression: 1 },
  },
  {
    command: `sadaan-gpu train with loss_weights='{
    "segmentation": 1.0,
    "dice": 4.0,
    "focal_seg": 0.5,
    "attention_supervision": 2.0
}'`,
    weights: { segmentation: 1, dice: 4, focal_seg: 0.5, attention_supervision: 2 },
  },
])('the total is weighted by $weights, and by the defaults', async ({ command, weights }) => {
  const left = await documented(command, [ONE_EPOCH])
  expectWeights(left, weights)
  expect(left.config.loss_weights).toEqual({ ...WEIGHTS, ...weights })
})

/** The document's augmentation. */
const AUGMENTATION = {
  noiseStd: 2,
  intensityScaleRange: [0.95, 1.05],
  rotationDegrees: 5,
  flipProbability: 0.3,
} as const

/** The model was trained on these voxels: batch 0, augmented so, or as it lies in the dataset. */
async function expectVoxels(left: Left, changes: Partial<Record<keyof AugmentSettings, unknown>> | 'none') {
  const { config } = left
  const host = firstBatch(config)
  const { images, maskBits, presence } = host
  const inputs = { image: images, maskBits, presence, keys: keysOf(config, host) }
  const partner = [1, 0, 2]
  const settings = { ...AUGMENTATION, ...(changes === 'none' ? {} : changes) } as typeof AUGMENTATION
  const row = { samples: host.samples.length, channels: 1, partner, size: SIZE, settings }
  const doubles = Object.fromEntries(Object.entries(inputs).map(([name, data]) => [name, Float64Array.from(data)]))
  const expected = changes === 'none' ? images : augmentReference(doubles, row).image
  expect(relativeError(await voxelsSeen(config), expected)).toBeLessThan(changes === 'none' ? 1e-30 : 1e-4)
  // the process saw what this plan sees: its first loss is the same to the bit
  expect(left.values('train.batch.total')[0]).toBe(await firstLoss(config))
}

test.concurrent.each([
  {
    command: 'sadaan-gpu train with augmentation.enabled=True augmentation.noise_std=3.0',
    changes: { noiseStd: 3 },
  },
  {
    command: 'sadaan-gpu train with augmentation.intensity_scale_range=[0.9,1.1]',
    changes: { intensityScaleRange: [0.9, 1.1] },
  },
  { command: 'sadaan-gpu train with augmentation.enabled=False', changes: 'none' as const },
  {
    command: `sadaan-gpu train with augmentation.elastic_probability=0.9 augmentation.elastic_displacement=3 \
      augmentation.elastic_spacing=8 augmentation.blur_probability=0.8 augmentation.blur_sigma_range=[0.4,0.9] \
      augmentation.low_resolution_probability=0.7 augmentation.low_resolution_range=[1,3] \
      augmentation.bias_field_probability=0.6 augmentation.bias_field_strength=0.4 \
      augmentation.gamma_probability=0.75 augmentation.gamma_range=[0.8,1.3]`,
    changes: {
      elastic: { probability: 0.9, displacement: 3, spacing: 8 },
      blur: { probability: 0.8, range: [0.4, 0.9] },
      lowResolution: { probability: 0.7, range: [1, 3] },
      biasField: { probability: 0.6, strength: 0.4 },
      gamma: { probability: 0.75, range: [0.8, 1.3] },
    },
  },
])('$command: these are the voxels that the model saw', async ({ command, changes }) => {
  await expectVoxels(await documented(command, [ONE_EPOCH, 'training.shuffle=False']), changes)
})

test.concurrent("optimizer.type='adamw' weight_decay=5e-4: what has no gradient shrinks by rate × decay", async () => {
  const command = `sadaan-gpu train with optimizer.type='adamw' optimizer.weight_decay=5e-4`
  const left = await documented(command, [ONE_EPOCH, 'training.warmup_epochs=0', 'training.learning_rate=0.5'])
  const { model, optimizer } = left.checkpoint()
  // a batch norm takes away what the bias in front of it adds
  const name = 'encoder.enc1.0.bias'
  const channels = [2, 4, 6, 8, 10] as const
  const entries = specify({ structures: STRUCTURES.length, size: SIZE, inChannels: 1, channels })
  const index = entries.findIndex(entry => entry.name === name)
  const before = initialValues(entries[index]!, index, { seed: 42 })
  expect(left.updates).toBe(1)
  expect(
    relativeError(
      model.get(name)!.data as Float32Array,
      before.map(value => value * (1 - 0.5 * 5e-4)),
    ),
  ).toBeLessThan(1e-6)
  expect(optimizer!.group).toMatchObject({ weight_decay: 5e-4 })
})

test.concurrent("lr_scheduler='cosine_annealing': the rate behind the warm-up is half a cosine, and rises again", async () => {
  const command = `sadaan-gpu train with optimizer.lr_scheduler='cosine_annealing'`
  const added = ['training.num_epochs=9', 'training.warmup_epochs=2', 'optimizer.lr_restart_period=4']
  const left = await documented(command, added, { data: 'brief' })
  const cosine = (epoch: number) => 1e-6 + ((5e-4 - 1e-6) * (1 + Math.cos((Math.PI * epoch) / 4))) / 2
  const expected = [2.5e-4, 5e-4, ...[2, 3, 4, 5, 6, 7, 8].map(cosine)]
  expect(relativeError(left.values('train.learning_rate') as number[], expected)).toBeLessThan(1e-12)
  expect(expected[4]).toBeCloseTo(1e-6, 12)
})

test.concurrent("lr_scheduler='reduce_on_plateau': the rate is halved when the loss has not fallen for longer than the patience", async () => {
  const command = `sadaan-gpu train with optimizer.lr_scheduler='reduce_on_plateau'`
  const added = ['training.num_epochs=8', 'training.warmup_epochs=1', 'optimizer.lr_patience=1']
  const left = await documented(command, added, { data: 'unjudged' })
  // epoch 1 is the best; 2 is tolerated, 3 is not; then 4 is tolerated, 5 is not
  expect(left.values('train.learning_rate')).toEqual([5e-4, 5e-4, 5e-4, 5e-4, 2.5e-4, 2.5e-4, 1.25e-4, 1.25e-4])
})

test.concurrent('dice=3.0 gradient_clip_norm=1.0 weight_decay=1e-5 noise_std=1.0: the gradient is clipped to 1', async () => {
  const command = `sadaan-gpu train with \
    loss_weights.dice=3.0 \
    training.gradient_clip_norm=1.0 \
    optimizer.weight_decay=1e-5 \
    augmentation.noise_std=1.0`
  // a loss this heavy has a gradient far above any clip
  const left = await documented(command, [ONE_EPOCH, 'training.shuffle=False', 'loss_weights.absence=1000'])
  const { group, state } = left.checkpoint().optimizer!
  const moments = [...state.values()].flatMap(({ exp_avg }) => [...(exp_avg.data as Float32Array)])
  expect(left.updates).toBe(1)
  expect(Math.hypot(...moments) / (1 - 0.9)).toBeCloseTo(1, 4)
  expect(group).toMatchObject({ weight_decay: 1e-5 })
  expectWeights(left, { dice: 3, absence: 1000 })
  await expectVoxels(left, { noiseStd: 1 })
})

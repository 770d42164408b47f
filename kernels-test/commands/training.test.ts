// full: runs every training command of the original's documentation
import { expect, test } from 'vitest'
import { totalOf } from '../../src/run/memory.ts'
import { planTraining } from '../../src/train/training_plans.ts'
import { testDevice } from '../harness.ts'
import { normError } from '../numbers.ts'
import { documented, type Left, ONE_EPOCH, PLAIN, SIZE, STRUCTURES, WEIGHTS } from './documented.ts'

const { device } = await testDevice()

/** The document's table of defaults. */
const DOCUMENTED_DEFAULTS = {
  dataset_path: './synthetic_medical_dataset_hdf5',
  model: { in_channels: 1, presence_threshold: 0.5 },
  training: {
    batch_size: 4,
    image_size: null,
    learning_rate: 5e-4,
    early_stopping_patience: 20,
    gradient_clip_norm: 0.5,
    num_workers: 2,
    pin_memory: true,
    warmup_epochs: 5,
    validate_every_n_epochs: 1,
    gradient_accumulation_steps: 2,
    memory_cleanup_frequency: 5,
    max_history_length: 50,
  },
  loss_weights: WEIGHTS,
  augmentation: {
    enabled: true,
    noise_std: 2,
    intensity_scale_range: [0.95, 1.05],
    rotation_degrees: 5,
    flip_probability: 0.3,
  },
  optimizer: {
    type: 'adamw',
    weight_decay: 1e-4,
    lr_scheduler: 'cosine_annealing',
    lr_min: 1e-6,
    lr_restart_period: 20,
    lr_factor: 0.5,
    lr_patience: 10,
  },
  checkpoint: { save_dir: './checkpoints', save_frequency: 10, keep_best_only: false },
  logging: { log_frequency: 1, visualize_predictions: true, num_visualization_samples: 3 },
  seed: 42,
}

/** The command with nothing behind it, run once for all that is compared with it. */
let withDefaults: Promise<Left> | undefined
function defaults(): Promise<Left> {
  withDefaults ??= documented('sadaan-gpu train', [ONE_EPOCH], { pictures: true })
  return withDefaults
}

/** First moments of all parameters, which after one update are a tenth of its gradient. */
function gradientOf(left: Left): number[] {
  return [...left.checkpoint().optimizer!.state.values()].flatMap(({ exp_avg }) => [
    ...(exp_avg.data as ArrayLike<number> as Float32Array),
  ])
}

test.concurrent('nothing: the documented defaults', async () => {
  const left = await defaults()
  expect(left.config).toMatchObject(DOCUMENTED_DEFAULTS)
  const run = left.json('sacred_runs/1/run.json')
  expect(run).toMatchObject({ status: 'COMPLETED', experiment: { name: 'sadaan_hdf5' } })
  expect(run.meta).toMatchObject({
    config_updates: { model: { channels: [2, 4, 6, 8, 10] }, training: { num_epochs: 1 } },
  })
  // 8 samples: two batches of 4, which make one update
  expect(left.steps('train.batch.total')).toEqual([0, 1])
  expect(left.updates).toBe(1)
  expect(left.values('train.learning_rate')).toEqual([5e-4 / 5])
  expect(left.files('checkpoints')).toEqual(['best_model.pth', 'last.pth'])
})

test.concurrent("dataset_path='./my_medical_dataset_hdf5' is what is read", async () => {
  const command = `sadaan-gpu train with dataset_path='./my_medical_dataset_hdf5'`
  const left = await documented(command, [ONE_EPOCH], { data: 'smaller', at: 'my_medical_dataset_hdf5' })
  expect(left.said.stderr).toMatch(
    /^data +\.\/my_medical_dataset_hdf5\n +4 training and 2 validation samples of [\d×]+, 2 structures$/m,
  )
  expect(left.checkpoint().structureNames).toEqual(STRUCTURES.slice(0, 2))
})

test.concurrent('batch_size=8 learning_rate=1e-3: one batch of all, and that rate behind the warm-up', async () => {
  const command = 'sadaan-gpu train with training.batch_size=8 training.learning_rate=1e-3'
  const left = await documented(command, ['training.num_epochs=2', 'training.warmup_epochs=2'])
  expect(left.steps('train.batch.total')).toEqual([0, 1])
  expect(left.updates).toBe(2)
  expect(left.values('train.learning_rate')).toEqual([5e-4, 1e-3])
})

test.concurrent('num_epochs=200 early_stopping_patience=30: stops 30 validations behind the best', async () => {
  const command = 'sadaan-gpu train with training.num_epochs=200 training.early_stopping_patience=30'
  const left = await documented(command, [], { data: 'unjudged' })
  const losses = left.values('val.epoch.total_loss')
  expect(losses).toEqual(new Array(31).fill(0))
  expect(left.checkpoint().epoch).toBe(30)
  expect(left.checkpoint('best_model.pth').epoch).toBe(0)
  expect(left.said.stderr).toMatch(/^no better validation in 30: stopped early$/m)
})

/** One batch of all samples, on one of two adapters that it is told of. */
let ofEight: Promise<Left> | undefined
function batchOfEight(): Promise<Left> {
  const command = 'CUDA_VISIBLE_DEVICES=0,1 sadaan-gpu train with training.batch_size=8'
  ofEight ??= documented(command, UNCLIPPED, { data: 'alike' })
  return ofEight
}
// batch norm sees the same statistics in any batch of equal samples; a clip would hide a factor on the gradient
const UNCLIPPED = [ONE_EPOCH, ...PLAIN, 'training.gradient_clip_norm=1e9']

test.concurrent('batch_size=2 with 4 steps of accumulation, and 1 with 8, make the update of a batch of 8', async () => {
  const data = { data: 'alike' } as const
  const [whole, ...accumulated] = await Promise.all([
    batchOfEight(),
    documented('sadaan-gpu train with training.batch_size=2 training.gradient_accumulation_steps=4', UNCLIPPED, data),
    documented('sadaan-gpu train with training.batch_size=1 training.gradient_accumulation_steps=8', UNCLIPPED, data),
  ])
  const expected = gradientOf(whole)
  expect(Math.hypot(...expected)).toBeGreaterThan(1e-3)
  expect(accumulated.map(left => left.steps('train.batch.total').length)).toEqual([4, 8])
  for (const left of accumulated) {
    expect(left.updates).toBe(1)
    expect(normError(gradientOf(left), expected)).toBeLessThan(1e-3)
  }
})

test.concurrent.each([
  { channels: 1, data: 'usual' },
  { channels: 3, data: 'colours' },
] as const)('model.in_channels=$channels reads images of so many channels', async ({ channels, data }) => {
  const left = await documented(`sadaan-gpu train with model.in_channels=${channels}`, [ONE_EPOCH], { data })
  const { checkpoint, config } = { checkpoint: left.checkpoint(), config: left.config }
  expect(config.model.in_channels).toBe(channels)
  expect(checkpoint.model.get('encoder.enc1.0.weight')!.shape).toEqual([2, channels, 3, 3, 3])
  // every channel is learned from
  const { data: gradient } = checkpoint.optimizer!.state.get(0)!.exp_avg
  for (let channel = 0; channel < channels; channel++)
    expect((gradient as Float32Array).slice(27 * channel, 27 * (channel + 1)).some(value => value !== 0)).toBe(true)
})

test.concurrent('model.presence_threshold=0.3 gates the masks that the model is asked for later', async () => {
  const left = await documented('sadaan-gpu train with model.presence_threshold=0.3', [ONE_EPOCH])
  const command =
    'sadaan-gpu predict --weights checkpoints/best_model.pth --input synthetic_medical_dataset_hdf5/train.h5'
  await left.afterwards(`${command} --output asked`)
  const { presence_threshold, samples } = left.json('asked/presence.json') as unknown as {
    presence_threshold: number
    samples: { structures: Record<string, { presence_probability: number; present: boolean; mask_voxels: number }> }[]
  }
  expect(presence_threshold).toBe(0.3)
  const found = samples.flatMap(({ structures }) => Object.values(structures))
  for (const { presence_probability, present } of found) expect(present).toBe(presence_probability > 0.3)
  const between = found.filter(({ presence_probability: q }) => q > 0.3 && q <= 0.5)
  expect(between.some(({ mask_voxels }) => mask_voxels > 0)).toBe(true)
})

test.concurrent('batch_size=2 with 8 steps of accumulation takes the memory of 2 samples', async () => {
  const command = `sadaan-gpu train with \
    training.batch_size=2 \
    training.gradient_accumulation_steps=8 \
    training.memory_cleanup_frequency=2 \
    training.num_workers=2`
  const left = await documented(command, [ONE_EPOCH], { data: 'many' })
  const [bytes] = left.values('system.gpu_memory_bytes') as [number]
  const shape = { structures: STRUCTURES.length, size: SIZE, inChannels: 1, channels: [2, 4, 6, 8, 10] } as const
  const needed = (samples: number) =>
    totalOf(
      planTraining(device.facts, { config: left.config, shape, structureNames: STRUCTURES, batchSize: samples }).need,
    )
  expect(bytes).toBeLessThan(needed(2) * 1.2)
  expect(bytes).toBeLessThan(needed(16) / 3)
  // 16 samples: 8 batches, one update
  expect(left.steps('train.batch.total')).toHaveLength(8)
  expect(left.updates).toBe(1)
})

test.concurrent('num_epochs=5 batch_size=2 log_frequency=1 save_frequency=1: every batch is logged, every epoch kept', async () => {
  const command = `sadaan-gpu train with \
    training.num_epochs=5 \
    training.batch_size=2 \
    logging.log_frequency=1 \
    checkpoint.save_frequency=1`
  const left = await documented(command)
  const count = (length: number) => Array.from({ length }, (_, i) => i)
  expect(left.steps('train.batch.total')).toEqual(count(5 * 4))
  expect(left.steps('val.epoch.total_loss')).toEqual(count(5))
  expect(left.files('checkpoints')).toEqual([
    'best_model.pth',
    ...[1, 2, 3, 4, 5].map(epoch => `checkpoint_epoch_${epoch}.pth`),
    'last.pth',
  ])
  expect([1, 2, 3, 4, 5].map(epoch => left.checkpoint(`checkpoint_epoch_${epoch}.pth`).epoch)).toEqual(count(5))
})

test.concurrent.each([
  { words: 'training.num_workers=0', added: ['training.pin_memory=False'] },
  { words: 'training.num_workers=4 training.pin_memory=True', added: [] },
  { words: 'training.num_workers=8 training.memory_cleanup_frequency=10', added: [] },
])('$words $added: the same batches, so the same bits', async ({ words, added }) => {
  const [left, usual] = await Promise.all([
    documented(`sadaan-gpu train with ${words}`, [ONE_EPOCH, ...added]),
    defaults(),
  ])
  const substance = ({ model, optimizer, valLossHistory }: ReturnType<Left['checkpoint']>) => {
    return { model, optimizer, valLossHistory }
  }
  expect(substance(left.checkpoint())).toEqual(substance(usual.checkpoint()))
})

test.concurrent('CUDA_VISIBLE_DEVICES=0,1 runs on one adapter and says so', async () => {
  const left = await batchOfEight()
  expect(left.said.stderr.match(/^adapter .*$/gm)).toHaveLength(1)
  expect(left.said.stderr).toMatch(/^ +CUDA_VISIBLE_DEVICES=0,1 is ignored/m)
  expect(left.steps('train.batch.total')).toEqual([0])
})

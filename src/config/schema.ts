import { z } from 'zod'
import { LARGEST_DISPLACEMENT } from '../util/spline.ts'

// Each leaf has one text that says what it expects. Every check on the leaf and its elements uses it as its message, so an
// error is one line: key, value, expectation.
const flag = () => z.boolean('True or False')
const text = () => z.string('text in quotes').min(1, 'text that is not empty')
const positiveInteger = () => z.int('a positive integer').positive('a positive integer')
const count = () => z.int('an integer of at least 0').nonnegative('an integer of at least 0')
const positive = () => z.number('a positive number').positive('a positive number')
const notNegative = () => z.number('a number of at least 0').nonnegative('a number of at least 0')
const oneOf = <const Names extends readonly string[]>(...names: Names) =>
  z.enum(names, names.map(name => `'${name}'`).join(' or '))
const between = (low: number, high: number) => {
  const expected = `a number between ${low} and ${high}`
  return z.number(expected).min(low, expected).max(high, expected)
}
/** At least 0 and below 1, as Adam's decay rates and torch's plateau factor must be. */
const fraction = (expected = 'a number of at least 0 and below 1') =>
  z.number(expected).min(0, expected).lt(1, expected)

const widths = 'five positive integers, e.g. [16, 32, 64, 128, 256]'
const width = z.int(widths).positive(widths)
const prior = 'a number between 0.0001 and 0.5, or None'
const features = 'an even positive integer, or None'
const size = 'three axes divisible by 16, e.g. [128, 128, 64], or None'
const axis = z.int(size).positive(size).multipleOf(16, size)
const range = 'two numbers of at least 0, the smaller first, e.g. [0.95, 1.05]'
const bound = z.number(range).nonnegative(range)
const axes = 'different array axes out of 0, 1 and 2, e.g. [0]'
const sigmas = 'two numbers between 0 and 10, the smaller first, e.g. [0.5, 1.5]'
const factors = 'two numbers between 1 and 8, the smaller first, e.g. [1, 2]'
const gammas = 'two numbers between 0.1 and 10, the smaller first, e.g. [0.7, 1.5]'
const betas = 'two numbers of at least 0 and below 1, e.g. [0.9, 0.999]'
const adapter = 'part of an adapter name, an index, or None'
const spacing = 'a number of at least 4'
const displacement = 'at most 0.4 of elastic_spacing: more may fold the image'
const flipAxis = z.int(axes).min(0, axes).max(2, axes)

/** The two ends of a range to draw from. */
const rangeBetween = (low: number, high: number, expected: string) => {
  const end = z.number(expected).min(low, expected).max(high, expected)
  return z.tuple([end, end], expected).refine(([from, to]) => from <= to, expected)
}
const chance = (what: string) => between(0, 1).default(0).describe(`Probability that a sample is ${what}`)

const model = z.strictObject({
  in_channels: positiveInteger().default(1).describe('Number of image channels'),
  presence_threshold: between(0, 1)
    .default(0.5)
    .describe('Presence threshold at inference: a structure whose probability is not above it gets an empty mask'),
  channels: z
    .tuple([width, width, width, width, width], widths)
    .default([16, 32, 64, 128, 256])
    .describe('Widths of the five encoder stages'),
  features: z
    .int(features)
    .positive(features)
    .multipleOf(2, features)
    .nullable()
    .default(null)
    .describe(
      'Channels of the feature map, from which the widths of the head follow; None: 8 times the first of channels',
    ),
  mask_prior: z
    .number(prior)
    .min(0.0001, prior)
    .max(0.5, prior)
    .nullable()
    .default(null)
    .describe(
      'Probability from which the masks of a new model start, e.g. the share of foreground voxels: learns small structures in a fraction of the epochs; None: PyTorch’s initialisation, about 0.5',
    ),
  dropout: fraction().default(0.2).describe('Dropout probability in the presence head during training'),
  pretrained: text()
    .nullable()
    .default(null)
    .describe(
      'Weights to start from, as far as they fit: a .pth, .pt or safetensors file, or the name of a model that sadaan-gpu models lists',
    ),
  num_structures: positiveInteger()
    .nullable()
    .default(null)
    .describe('Number of structures if no dataset defines it (as in the benchmark)'),
})

const training = z
  .strictObject({
    batch_size: positiveInteger().default(4).describe('Samples per forward and backward pass'),
    image_size: z
      .tuple([axis, axis, axis], size)
      .nullable()
      .default(null)
      .describe("Input volume (H, W, D) of the model, in voxels; None uses the dataset's size"),
    patch_size: z
      .tuple([axis, axis, axis], size)
      .nullable()
      .default(null)
      .describe(
        'Size (H, W, D) of the patches that every epoch draws anew from larger samples, as input volume of the model; None: samples are used whole',
      ),
    patch_foreground: between(0, 1)
      .default(0.33)
      .describe(
        'Share of the patches centred on a voxel of a present structure chosen at random; the others are centred on any voxel of the scan',
      ),
    patches_per_sample: positiveInteger().default(1).describe('Patches that an epoch draws from each sample'),
    learning_rate: positive().default(5e-4).describe('Learning rate at the end of warm-up, where the schedule starts'),
    num_epochs: positiveInteger().default(100).describe('Number of training epochs'),
    early_stopping_patience: positiveInteger()
      .default(20)
      .describe('Validations without improvement after which training stops'),
    gradient_clip_norm: positive().default(0.5).describe('Maximum global L2 norm of the gradient'),
    num_workers: count()
      .default(2)
      .describe('Threads that decode samples, at most one per core; 0 decodes in the main thread'),
    pin_memory: flag().default(true).describe('Upload batches through staging buffers that stay mapped'),
    warmup_epochs: notNegative()
      .default(5)
      .describe(
        'Epochs of linear learning-rate warm-up; a number that is not whole, such as 0.5, raises the rate at every update instead of every epoch',
      ),
    validate_every_n_epochs: positiveInteger().default(1).describe('Epochs between validations'),
    gradient_accumulation_steps: positiveInteger()
      .default(2)
      .describe('Batches whose gradients are accumulated into one update'),
    memory_cleanup_frequency: positiveInteger().default(5).describe('Batches after which unused batch memory is freed'),
    max_history_length: positiveInteger().default(50).describe('Epochs kept in the loss histories of a checkpoint'),
    shuffle: flag().default(true).describe('Shuffle the training samples every epoch'),
  })
  .refine(({ image_size, patch_size }) => image_size === null || patch_size === null, {
    path: ['patch_size'],
    error: 'None beside training.image_size, which resamples whole samples',
  })

const lossWeights = z.strictObject({
  segmentation: notNegative().default(1).describe('Weight of the voxelwise cross-entropy of present structures'),
  dice: notNegative().default(2).describe('Weight of the soft Dice loss of present structures'),
  focal_seg: notNegative().default(1).describe('Weight of the focal loss of present structures'),
  absence: notNegative().default(1).describe('Weight of the cross-entropy of the presence probabilities'),
  attention_supervision: notNegative().default(0.5).describe('Weight of the cross-entropy of the attention maps'),
  false_positive_suppression: notNegative()
    .default(0.5)
    .describe('Weight of the mean segmentation probability of absent structures'),
  confidence: notNegative()
    .default(0.1)
    .describe('Weight of the penalty on presence probabilities on the wrong side of 0.5'),
})

const augmentation = z
  .strictObject({
    enabled: flag().default(true).describe('Augment the training samples'),
    noise_std: notNegative().default(2).describe('Standard deviation of the added noise, in intensity units (0..255)'),
    intensity_scale_range: z
      .tuple([bound, bound], range)
      .refine(([low, high]) => low <= high, range)
      .default([0.95, 1.05])
      .describe('Range of the factor that scales the intensities'),
    rotation_degrees: between(0, 180).default(5).describe('Maximum rotation about each axis, in degrees'),
    flip_probability: between(0, 1).default(0.3).describe('Probability of a flip along each axis of flip_axes'),
    flip_axes: z
      .array(flipAxis, axes)
      .refine(list => new Set(list).size === list.length, axes)
      .default([0])
      .describe('Array axes that may be flipped; axis 0 is left-right, and its flip swaps left_*/right_* structures'),
    elastic_probability: chance('deformed elastically'),
    elastic_displacement: notNegative()
      .default(8)
      .describe('Maximum displacement of a control point along each axis, in voxels; at most 0.4 of elastic_spacing'),
    elastic_spacing: z
      .number(spacing)
      .min(4, spacing)
      .default(32)
      .describe('Distance between the control points of an elastic deformation, in voxels'),
    blur_probability: chance('blurred'),
    blur_sigma_range: rangeBetween(0, 10, sigmas)
      .default([0.5, 1.5])
      .describe("Range of the blur's standard deviation along each axis, in voxels"),
    low_resolution_probability: chance('downsampled and upsampled again'),
    low_resolution_range: rangeBetween(1, 8, factors)
      .default([1, 2])
      .describe('Range of the downsampling factor along each axis'),
    bias_field_probability: chance('multiplied by a smooth bias field'),
    bias_field_strength: between(0, 2)
      .default(0.5)
      .describe("Bound of the bias field's logarithm; its standard deviation is about a fifth of this"),
    gamma_probability: chance('gamma-corrected'),
    gamma_range: rangeBetween(0.1, 10, gammas)
      .default([0.7, 1.5])
      .describe('Range of the gamma exponent, applied to intensity / 255'),
  })
  .refine(settings => settings.elastic_displacement <= LARGEST_DISPLACEMENT * settings.elastic_spacing, {
    path: ['elastic_displacement'],
    error: displacement,
  })

const optimizer = z.strictObject({
  type: oneOf('adamw', 'adam')
    .default('adamw')
    .describe('adamw decouples the weight decay, adam adds it to the gradient'),
  weight_decay: notNegative().default(1e-4).describe('Weight decay, applied to every parameter'),
  lr_scheduler: oneOf('cosine_annealing', 'cosine_over_run', 'reduce_on_plateau', 'none')
    .default('cosine_annealing')
    .describe(
      'Learning-rate schedule after warm-up; cosine_over_run falls at every update and reaches lr_min with the last one of num_epochs',
    ),
  lr_min: notNegative().default(1e-6).describe('Lowest learning rate of the schedule'),
  lr_restart_period: positiveInteger()
    .default(20)
    .describe('cosine_annealing: epochs from the highest to the lowest rate'),
  lr_factor: fraction().default(0.5).describe('reduce_on_plateau: factor by which the learning rate is reduced'),
  lr_patience: count().default(10).describe('reduce_on_plateau: validations without improvement before a reduction'),
  betas: z
    .tuple([fraction(betas), fraction(betas)], betas)
    .default([0.9, 0.999])
    .describe("Decay rates of Adam's two moments"),
  eps: positive().default(1e-8).describe("Added to the square root of Adam's second moment"),
  ema_decay: fraction()
    .default(0)
    .describe(
      'Decay, per update, of a moving average of the weights that is validated and saved as the model, e.g. 0.99; 0: no average',
    ),
})

const checkpoint = z.strictObject({
  save_dir: text().default('./checkpoints').describe('Folder of the checkpoints'),
  save_frequency: positiveInteger().default(10).describe('Epochs between checkpoints checkpoint_epoch_N.pth'),
  keep_best_only: flag().default(false).describe('Keep only best_model.pth and last.pth'),
  monitor: oneOf('total_loss', 'hard_dice')
    .default('total_loss')
    .describe('Validation metric that selects the best model: lowest total_loss or highest hard_dice'),
  save_minutes: positive().default(10).describe('Minutes between saves of last.pth within an epoch'),
})

const logging = z.strictObject({
  log_frequency: positiveInteger().default(1).describe('Batches between logged points of train.batch.*'),
  visualize_predictions: flag().default(true).describe('Draw validation samples with their predictions'),
  num_visualization_samples: count().default(3).describe('Number of validation samples to draw'),
})

const compute = z.strictObject({
  adapter: z
    .union([z.string(adapter).min(1, adapter), z.int(adapter).nonnegative(adapter)], adapter)
    .nullable()
    .default(null)
    .describe('GPU or software adapter to use: part of its name, or its index'),
  autotune: oneOf('off', 'cached', 'full')
    .default('cached')
    .describe('How kernel variants are chosen: off uses fixed rules, cached earlier measurements, full measures first'),
  precision: oneOf('f32', 'f16')
    .default('f32')
    .describe('Number format of stored activations in training; sums, weights and losses are always f32'),
  share_adapters: flag()
    .default(false)
    .describe(
      'Whether several ranks of a machine may use the same adapter; those that share a software adapter need it',
    ),
  rank_timeout: positive()
    .default(600)
    .describe(
      'Seconds that a rank of a training waits for the others before all end; the first step may compile for minutes',
    ),
})

/** The whole configuration. Parsing `{}` gives all defaults; unknown keys are refused at any depth. */
export const configSchema = z.strictObject({
  dataset_path: text().default('./synthetic_medical_dataset_hdf5').describe('Folder of the HDF5 dataset'),
  model: model.prefault({}),
  training: training.prefault({}),
  loss_weights: lossWeights.prefault({}),
  augmentation: augmentation.prefault({}),
  optimizer: optimizer.prefault({}),
  checkpoint: checkpoint.prefault({}),
  logging: logging.prefault({}),
  compat: oneOf('documented', 'reference')
    .default('documented')
    .describe('documented follows the documentation; reference reproduces the original program where it differs'),
  compute: compute.prefault({}),
  seed: z
    .int('an integer between 0 and 4294967295')
    .min(0, 'an integer between 0 and 4294967295')
    .max(0xffffffff, 'an integer between 0 and 4294967295')
    .default(42)
    .describe('Seed of all random numbers'),
})

export type Config = z.output<typeof configSchema>

/** A new configuration with every key at its default. */
export function defaultConfig(): Config {
  return configSchema.parse({})
}

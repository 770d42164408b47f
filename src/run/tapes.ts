import type { Config } from '../config/schema.ts'
import type { Call } from '../graph/kernel.ts'
import { Tape } from '../graph/tape.ts'
import { type Tensor, tensor } from '../graph/tensor.ts'
import { type Loss, sadaanLoss } from '../loss/sadaan_loss.ts'
import type { ModelState } from '../nn/model_state.ts'
import { type Constants, constants, Sadaan, type SadaanOutputs } from '../nn/sadaan.ts'
import { augment } from '../ops/augment/augment.ts'
import type { AugmentSettings } from '../ops/augment/settings.ts'
import { cast } from '../ops/cast.ts'
import { commitStatistics } from '../ops/sadaan/commit_statistics.ts'
import { maskBits } from '../ops/sadaan/mask_bits.ts'
import { modelMean, modelMeanLogits } from '../ops/sadaan/model_mean.ts'
import { adam } from '../optim/adam.ts'
import { gradientNorm } from '../optim/clip.ts'
import { advanceLossScale, LOSS_SCALE_GROWTH, scaledSeed } from '../optim/loss_scale.ts'
import { movingAverage } from '../optim/moving_average.ts'
import { mirrorPartners } from '../util/mirror.ts'
import type { OptimizerMemory } from './optimizer_memory.ts'

/** The inputs that the host uploads for each batch. */
export interface BatchTensors extends Constants {
  image: Tensor // (N, C, H, W, D), 0..255
  maskBits: Tensor // (N, S, V/32) u32
  presence: Tensor // (N, S): 1, 0, or −1 unknown
  keys: Tensor // (N, 4) u32: seed, epoch, sample index, 0
  /** d(total): the batch's share of the loss of its accumulation window */
  seed: Tensor // (1)
  /** models of an ensemble that have run on the batch before */
  earlier: Tensor // (1) u32
}

export function batchTensors(state: ModelState, samples: number): BatchTensors {
  const { structures, size, inChannels } = state.shape
  const words = (size[0] * size[1] * size[2]) / 32
  return {
    ...constants(state, samples),
    image: tensor('image', [samples, inChannels, ...size], 'input'),
    maskBits: tensor('maskBits', [samples, structures, words], 'input', 'u32'),
    presence: tensor('presence', [samples, structures], 'input'),
    keys: tensor('keys', [samples, 4], 'input', 'u32'),
    seed: tensor('seed', [1], 'input'),
    earlier: tensor('earlier', [1], 'input', 'u32'),
  }
}

/** A recorded pass: its kernel calls, and the tensors that the host may read. */
export interface Recording<Outputs> {
  calls: readonly Call[]
  outputs: Outputs
}

export interface LossOutputs extends Loss {
  presenceProbability: Tensor // (N, S)
  /** labels after augmentation: flips swap left and right */
  presence: Tensor // (N, S)
}

/**
 * Forward, loss, backward. Adds the batch's gradients to the gradient arena and commits the running statistics last, unless `commits` is false.
 * `structureNames` determine which structures a left-right flip swaps. With f16 activations, the gradients are multiplied by the loss scale.
 */
export function recordTraining(
  state: ModelState,
  batch: BatchTensors,
  config: Config,
  structureNames: readonly string[],
  commits = true,
): Recording<LossOutputs & { model: SadaanOutputs }> {
  const tape = new Tape()
  state.watch(tape)
  const { precision } = config.compute
  const { image, maskBits, presence } = config.augmentation.enabled
    ? augment(tape, batch, augmentSettings(config, structureNames))
    : { ...batch, image: cast(tape, batch.image, precision) }
  const mode = { training: true as const, keys: batch.keys, dropout: config.model.dropout }
  const model = new Sadaan(tape, state, batch, mode).forward(image)
  const loss = recordLoss(tape, model, { maskBits, presence }, config)
  tape.differentiate(loss.total, precision === 'f16' ? scaledSeed(tape, batch.seed, state.lossScale) : batch.seed)
  const commit = commits ? recordCommit(state, loss.total).calls : []
  return { calls: [...tape.calls, ...commit], outputs: { ...loss, model } }
}

/** Commits the statistics of a batch to the running ones, if its loss, `total` (1), is finite. */
export function recordCommit(state: ModelState, total: Tensor): Recording<Record<string, never>> {
  const tape = new Tape()
  commitStatistics(tape, {
    running: state.running.range('running statistics'),
    batch: state.batch.range('batch statistics'),
    batches: state.batchesTracked,
    total,
  })
  return { calls: tape.calls, outputs: {} }
}

/** The configured augmentation in the form that the operation expects. */
export function augmentSettings(
  { augmentation, compat, compute }: Config,
  structureNames: readonly string[],
): AugmentSettings {
  return {
    noiseStd: augmentation.noise_std,
    intensityScaleRange: augmentation.intensity_scale_range,
    rotationDegrees: augmentation.rotation_degrees,
    // the original documents flips but never applies them
    flipProbability: compat === 'reference' ? 0 : augmentation.flip_probability,
    flipAxes: augmentation.flip_axes,
    partner: mirrorPartners(structureNames),
    elastic: {
      probability: augmentation.elastic_probability,
      displacement: augmentation.elastic_displacement,
      spacing: augmentation.elastic_spacing,
    },
    blur: { probability: augmentation.blur_probability, range: augmentation.blur_sigma_range },
    lowResolution: {
      probability: augmentation.low_resolution_probability,
      range: augmentation.low_resolution_range,
    },
    biasField: { probability: augmentation.bias_field_probability, strength: augmentation.bias_field_strength },
    gamma: { probability: augmentation.gamma_probability, range: augmentation.gamma_range },
    precision: compute.precision,
  }
}

function recordLoss(
  tape: Tape,
  model: Pick<SadaanOutputs, 'segmentation_logits' | 'attention_maps' | 'presence_probs'>,
  { maskBits, presence }: Pick<BatchTensors, 'maskBits' | 'presence'>,
  config: Config,
): LossOutputs {
  // the original documents the focal term but never computes it
  const weights = config.compat === 'reference' ? { ...config.loss_weights, focal_seg: 0 } : config.loss_weights
  const loss = tape.scope('loss', () =>
    sadaanLoss(
      tape,
      {
        logits: model.segmentation_logits,
        attention: model.attention_maps,
        presenceProbability: model.presence_probs,
        maskBits,
        presence,
      },
      weights,
    ),
  )
  return { ...loss, presenceProbability: model.presence_probs, presence }
}

export interface EvaluationOutputs extends LossOutputs {
  /** masks at probability 0.5, without the presence gate */
  predicted: Tensor // (N, S, V/32) u32
  attention: Tensor // (N, S, H, W, D)
}

/** The model with running statistics, its loss, and the volumes that are pictured. No gradients, no augmentation. */
export function recordEvaluation(state: ModelState, batch: BatchTensors, config: Config): Recording<EvaluationOutputs> {
  const tape = new Tape()
  const image = cast(tape, batch.image, config.compute.precision)
  const model = new Sadaan(tape, state, batch, { training: false }).forward(image)
  const loss = recordLoss(tape, model, batch, config)
  const predicted = maskBits(tape, model.segmentation_logits)
  return { calls: tape.calls, outputs: { ...loss, predicted, attention: model.attention_maps } }
}

/** What the models of an ensemble add up for a batch. */
export interface EnsembleSums {
  probabilities: Tensor // (N, S, H, W, D)
  attention: Tensor // (N, S, H, W, D)
  presence: Tensor // (N, S)
}

export function ensembleSums({ presence, image }: BatchTensors): EnsembleSums {
  const volumes = [...presence.shape, ...image.shape.slice(2)]
  return {
    probabilities: tensor('sum of probabilities', volumes, 'state'),
    attention: tensor('sum of attention', volumes, 'state'),
    presence: tensor('sum of presence', presence.shape, 'state'),
  }
}

/**
 * As `recordEvaluation`, of one model of an ensemble. The outputs are those of the mean over it and the models that ran before it on the
 * batch, so those after the last model are the ensemble's.
 */
export function recordEnsembleEvaluation(
  state: ModelState,
  batch: BatchTensors,
  sums: EnsembleSums,
  config: Config,
): Recording<EvaluationOutputs> {
  const tape = new Tape()
  const { earlier } = batch
  const image = cast(tape, batch.image, config.compute.precision)
  const own = new Sadaan(tape, state, batch, { training: false }).forward(image)
  const mean = tape.scope('ensemble', () => ({
    segmentation_logits: modelMeanLogits(tape, own.segmentation_logits, { sum: sums.probabilities, earlier }),
    attention_maps: modelMean(tape, own.attention_maps, { sum: sums.attention, earlier }),
    presence_probs: modelMean(tape, own.presence_probs, { sum: sums.presence, earlier }),
  }))
  const loss = recordLoss(tape, mean, batch, config)
  const predicted = maskBits(tape, mean.segmentation_logits)
  return { calls: tape.calls, outputs: { ...loss, predicted, attention: mean.attention_maps } }
}

/** The model with running statistics. */
export function recordPrediction(state: ModelState, batch: BatchTensors): Recording<SadaanOutputs> {
  const tape = new Tape()
  const outputs = new Sadaan(tape, state, batch, { training: false }).forward(batch.image)
  return { calls: tape.calls, outputs }
}

export type UpdateOutputs = {
  /** as `gradientNorm` returns it, without the loss scale */
  clip: Tensor // (3)
  /** the factor on the gradient; undefined for f32 activations */
  lossScale?: Tensor // (1)
}

/** Clips the window's gradient by its global norm, applies Adam or AdamW to all trained parameters, then averages the model. */
export function recordUpdate(state: ModelState, optimizer: OptimizerMemory, config: Config): Recording<UpdateOutputs> {
  const tape = new Tape()
  const elements = state.gradients.length
  const gradient = state.gradients.range('gradients')
  const limit = config.training.gradient_clip_norm
  const outputs: UpdateOutputs = { clip: gradientNorm(tape, gradient, { elements, limit }) }
  if (config.compute.precision === 'f16')
    outputs.lossScale = advanceLossScale(tape, state.lossScale, outputs.clip, { limit, ...LOSS_SCALE_GROWTH })
  const tensors = {
    parameter: state.parameters.range('trained parameters', 0, elements),
    gradient,
    firstMoment: optimizer.first.range('first moments'),
    secondMoment: optimizer.second.range('second moments'),
    counts: optimizer.counts,
    learningRate: optimizer.learningRate,
    clip: outputs.clip,
  }
  const { type, betas, eps, weight_decay, ema_decay } = config.optimizer
  // the original's Adam has no weight decay
  const weightDecay = config.compat === 'reference' && type === 'adam' ? 0 : weight_decay
  adam(tape, tensors, { type, betas, epsilon: eps, weightDecay, elements })
  if (optimizer.averaged) {
    const { counts, averaged } = optimizer
    // without the statistics that belong to them, averaged weights are useless
    for (const [from, into] of [
      [state.parameters, averaged.parameters],
      [state.running, averaged.running],
    ] as const) {
      const average = into.range(`averaged ${into.name}`)
      movingAverage(tape, { average, value: from.range(from.name), counts, clip: outputs.clip }, ema_decay)
    }
  }
  return { calls: tape.calls, outputs }
}

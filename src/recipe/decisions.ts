import type { Json, JsonObject } from '../config/json.ts'
import { NAMED_CONFIGS } from '../config/named.ts'
import { merge } from '../config/overrides.ts'
import { configSchema } from '../config/schema.ts'
import type { Device } from '../gpu/device.ts'
import type { Fingerprint } from './fingerprint_schema.ts'
import type { Candidate } from './frame.ts'
import type { Material, SampleCounts } from './material.ts'
import { mirroringOf } from './sides.ts'

/** A key of the configuration with its planned value, and why. */
export interface Decision {
  key: string
  value: Json
  reason: string
}

/** What is decided before time is measured. */
export interface ModelPlan {
  candidate: Candidate
  batchSize: number
  counts: SampleCounts
}

/** Batches whose gradients make one update, so that an update rests on this many samples. */
const SAMPLES_AN_UPDATE = 4

/** What was found best for short runs of narrow networks. */
const STRONG = configSchema.parse(NAMED_CONFIGS.strong!.values)

/** Learning rate of the default widths, which bear less than narrow ones. */
const WIDE_RATE = 1e-3

/** Updates of the warm-up if an epoch has few, and its largest share of the run. */
const WARM_UP = { updates: 25, share: 0.05 }

/** Passes from which on a run is repetitive. */
export const MANY_PASSES = 60

export function modelDecisions({ facts, name }: Device, { channels, stored }: Material, plan: ModelPlan): Decision[] {
  const { form } = plan.candidate
  const isResampled = stored !== undefined && form.size.join() !== stored.size.join()
  return [
    ...(channels === 1
      ? []
      : [{ key: 'model.in_channels', value: channels, reason: 'the scans have as many channels' }]),
    ...(isResampled
      ? [{ key: 'training.image_size', value: [...form.size], reason: 'see the choice of the frame above' }]
      : []),
    ...(facts.software
      ? [
          {
            key: 'model.channels',
            value: STRONG.model.channels,
            reason: `${name} computes on the processor: half the default widths take about a quarter of the time`,
          },
        ]
      : []),
    {
      key: 'model.mask_prior',
      value: STRONG.model.mask_prior,
      reason: 'most voxels belong to no structure: masks that start empty learn them in a fraction of the epochs',
    },
    {
      key: 'training.batch_size',
      value: plan.batchSize,
      reason: batchReason(plan),
    },
    {
      key: 'training.gradient_accumulation_steps',
      value: accumulationFor(plan.batchSize),
      reason: `an update rests on ${accumulationFor(plan.batchSize) * plan.batchSize} samples; more would mean fewer updates in the same time`,
    },
  ]
}

export function accumulationFor(batchSize: number): number {
  return Math.max(1, Math.round(SAMPLES_AN_UPDATE / batchSize))
}

function batchReason({ batchSize, counts }: ModelPlan): string {
  if (batchSize === counts.training) return `all ${counts.training} training samples: a batch cannot have more`
  return 'the largest of 1, 2, 4 (on a GPU also 8) that fits the memory and leaves several updates an epoch'
}

/** How long a run is. */
export interface RunLength {
  epochs: number
  updatesPerEpoch: number
  validateEvery: number
  /** why it has so many epochs */
  reason: string
  /** whether the network sees the same samples so often that stronger augmentation pays */
  isRepetitive: boolean
}

/** What a run needs besides: the schedule over all of it, augmentation, the choice of the best epoch. */
export function runDecisions(
  { facts }: Device,
  { fingerprint, hasValidStructures }: Material,
  { epochs, updatesPerEpoch, validateEvery, reason, isRepetitive }: RunLength,
): Decision[] {
  const { lr_scheduler, ema_decay } = STRONG.optimizer
  const wanted = Math.max(STRONG.training.warmup_epochs, WARM_UP.updates / updatesPerEpoch)
  const warmUp = Number(Math.min(wanted, WARM_UP.share * epochs).toPrecision(2))
  return [
    { key: 'training.num_epochs', value: epochs, reason },
    {
      key: 'training.validate_every_n_epochs',
      value: validateEvery,
      reason: 'so that validation takes at most a tenth of the time',
    },
    {
      key: 'training.early_stopping_patience',
      value: epochs,
      reason: 'the rate has to reach its end: the last epochs gain most',
    },
    {
      key: 'training.learning_rate',
      value: facts.software ? STRONG.training.learning_rate : WIDE_RATE,
      reason: facts.software
        ? 'narrow networks bear a high rate, and need it in a short run'
        : 'a rate that falls over the whole run can start above the default',
    },
    {
      key: 'training.warmup_epochs',
      value: warmUp,
      reason: `half an epoch or ${WARM_UP.updates} updates, but at most a twentieth of the run`,
    },
    { key: 'optimizer.lr_scheduler', value: lr_scheduler, reason: 'one fall of the rate, which ends with the run' },
    {
      key: 'optimizer.ema_decay',
      value: ema_decay,
      reason: 'averaged weights are better than those of any single update, long before the rate has fallen',
    },
    ...flipDecisions(fingerprint),
    ...augmentationDecisions(epochs, isRepetitive),
    ...(hasValidStructures
      ? [
          {
            key: 'checkpoint.monitor',
            value: 'hard_dice',
            reason: 'the best epoch is the one with the best masks; the loss also rewards confidence',
          },
        ]
      : []),
  ]
}

function flipDecisions({ structures, orientations, source }: Fingerprint): Decision[] {
  const { isLawful, reason } = mirroringOf(structures)
  const hasSides = source === 'dataset' || Object.keys(orientations).length > 0
  const value = isLawful && hasSides ? [0] : []
  const how = isLawful ? '' : '; augmentation.flip_axes=[0] allows it'
  return [{ key: 'augmentation.flip_axes', value, reason: reason + how }]
}

function augmentationDecisions(epochs: number, isRepetitive: boolean): Decision[] {
  if (!isRepetitive)
    return [
      {
        key: 'augmentation.rotation_degrees',
        value: 5,
        reason: `${epochs} passes repeat the data little, so the light default augmentation stays`,
      },
    ]
  const reason = `${epochs} passes over the same samples: stronger augmentation keeps the network from learning them by heart`
  return [
    { key: 'augmentation.rotation_degrees', value: 15, reason },
    { key: 'augmentation.intensity_scale_range', value: [0.9, 1.1], reason },
    { key: 'augmentation.gamma_probability', value: 0.3, reason },
    { key: 'augmentation.blur_probability', value: 0.1, reason },
    { key: 'augmentation.low_resolution_probability', value: 0.1, reason },
  ]
}

/** The decisions as a tree of configuration keys. */
export function treeOf(decisions: readonly Decision[]): JsonObject {
  return decisions.reduce((tree, { key, value }) => {
    const branch = key.split('.').reduceRight<Json>((inner, name) => ({ [name]: inner }), value)
    return merge(tree, branch as JsonObject)
  }, {} as JsonObject)
}

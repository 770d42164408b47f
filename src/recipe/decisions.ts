import type { Json, JsonObject } from '../config/json.ts'
import { merge } from '../config/overrides.ts'
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

/** Widths for a processor: a quarter of the work of the default, and a head that does not outweigh the rest. */
const NARROW = { channels: [8, 16, 32, 64, 128], features: 32 }

/** Rates at which networks of these widths learned fastest without becoming unstable. */
const RATES = { narrow: 3e-3, wide: 1e-3 }

/** Share of the epochs for warm-up, and the most that are of use. */
const WARM_UP = { share: 0.05, most: 5 }

/** Passes after which a network has seen every sample so often that stronger augmentation pays. */
const MANY_PASSES = 60

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
            value: NARROW.channels,
            reason: `${name} computes on the processor: half the default widths take about a quarter of the time`,
          },
          {
            key: 'model.features',
            value: NARROW.features,
            reason: 'with so narrow an encoder, the head of 8 · channels[0] features would be most of the work',
          },
        ]
      : []),
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

/** What a run needs besides: the schedule over all of it, augmentation, the choice of the best epoch. */
export function runDecisions(
  { facts }: Device,
  { fingerprint, hasValidStructures }: Material,
  { epochs, validateEvery, reason }: { epochs: number; validateEvery: number; reason: string },
): Decision[] {
  const warmUp = Math.min(WARM_UP.most, Math.max(epochs > 3 ? 1 : 0, Math.round(WARM_UP.share * epochs)))
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
      value: facts.software ? RATES.narrow : RATES.wide,
      reason: facts.software
        ? 'narrow networks bear a high rate, and need it in a short run'
        : 'one slow decay over the run starts higher than the default, which restarts',
    },
    { key: 'training.warmup_epochs', value: warmUp, reason: 'a twentieth of the run, at most five epochs' },
    { key: 'optimizer.lr_restart_period', value: epochs, reason: 'one cosine over the whole run, down to its end' },
    ...flipDecisions(fingerprint),
    ...augmentationDecisions(epochs),
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

function augmentationDecisions(epochs: number): Decision[] {
  if (epochs < MANY_PASSES)
    return [
      {
        key: 'augmentation.rotation_degrees',
        value: 5,
        reason: `only ${epochs} passes: the data hardly repeat, so the light default augmentation stays`,
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

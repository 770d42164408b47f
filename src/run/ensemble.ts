import { resolve } from 'node:path'
import type { Config } from '../config/schema.ts'
import { preparationDifferences, preparationText } from '../data/scan/preparation_text.ts'
import { joined } from '../data/scan/scan_ranges.ts'
import { InputError } from '../util/error.ts'
import { listed } from '../util/listing.ts'
import { fittedWeights, rowsByName } from './fitted_weights.ts'
import { openTrainedModel } from './open_model.ts'
import { presenceThresholdFor, type TrainedModel } from './trained_model.ts'

/** Paths of .pth, .pt or safetensors: one model, or several whose outputs are averaged. */
export type WeightPaths = string | readonly string[]

/** One or more models that predict the same structures from the same images. Their widths may differ. */
export interface Ensemble {
  /** sorted by path, so that sums over them do not depend on the order in which they were given; structures in the order of the first */
  models: readonly TrainedModel[]
  /** the first, which stands for what they have in common; its training scans are those of all */
  common: TrainedModel
}

/** Reads the models. Throws InputError if a file holds no SADAAN, is given twice, or disagrees with another; both are named. */
export function openEnsemble(weights: WeightPaths): Ensemble {
  const given = (typeof weights === 'string' ? [weights] : weights).map(openTrainedModel).sort(byPath)
  for (const [i, { path }] of given.entries())
    if (i > 0 && resolve(given[i - 1]!.path) === resolve(path))
      throw new InputError(`${path}: given twice, expected each model of an ensemble once`)
  const [first, ...others] = given
  if (!first) throw new InputError('no weights, expected a model (.pth, .pt or .safetensors)')
  for (const other of others) checkAgreement(first, other)
  const models = [first, ...others.map(other => inOrderOf(first, other))]
  return { models, common: { ...first, trainingScans: trainingScansOf(models) } }
}

function byPath(one: TrainedModel, other: TrainedModel): number {
  const [a, b] = [resolve(one.path), resolve(other.path)]
  return a < b ? -1 : Number(a > b)
}

/** A scan is like the training scans if it is like those of one of the models. */
function trainingScansOf(models: readonly TrainedModel[]): TrainedModel['trainingScans'] {
  const known = models.flatMap(({ trainingScans }) => (trainingScans ? [trainingScans] : []))
  return known.length === models.length ? joined(known) : undefined
}

/** Structures are matched by name. */
function inOrderOf({ structureNames: wanted }: TrainedModel, model: TrainedModel): TrainedModel {
  const { structureNames: own, weights, shape } = model
  if (!own || !wanted || own.join('\0') === wanted.join('\0')) return model
  const source = { weights, rows: rowsByName(own, wanted), isLeftOut: () => false }
  return {
    ...model,
    structureNames: wanted,
    weights: fittedWeights(shape, { seed: 0 }, source).weights,
  }
}

/** What models must agree on: as text that is equal if they do, or that says how this one differs from the other. */
const AGREED: Readonly<Record<string, (model: TrainedModel, other: TrainedModel) => string>> = {
  size: ({ shape }) => shape.size.join('×'),
  'input channels': ({ shape }) => String(shape.inChannels),
  'number of structures': ({ shape }) => String(shape.structures),
  'names of structures': ({ structureNames }) => (structureNames ? 'known' : 'none'),
  'structures of its own': ({ structureNames: own }, { structureNames: other }) =>
    listed((own ?? []).filter(name => !other?.includes(name))) || 'none',
  'channel names': ({ channelNames }) => (channelNames ? listed(channelNames) : 'none'),
  'trained on': ({ patches }) => (patches ? 'patches' : 'whole scans'),
  preparation: preparationOf,
}

/** Throws InputError with the first difference. */
function checkAgreement(first: TrainedModel, other: TrainedModel): void {
  for (const [what, textOf] of Object.entries(AGREED)) {
    const [text, expected] = [textOf(other, first), textOf(first, other)]
    if (text !== expected)
      throw new InputError(
        `${other.path}: ${what}: ${text}, but ${first.path}: ${expected}; models can be averaged only if they agree`,
      )
  }
}

/** The number of voxels that a dataset had makes no difference, because images are resampled to the model's. */
function preparationOf({ preparation, shape }: TrainedModel, { preparation: other }: TrainedModel): string {
  if (!preparation) return 'unknown'
  if (!other) return preparationText(preparation)
  const seen = { seenAt: shape.size }
  const differences = preparationDifferences({ ...preparation, ...seen }, { ...other, ...seen })
  return differences.length === 0 ? 'the same' : preparationText(preparation)
}

/** The threshold of the request, else the one that all models have. Throws InputError if theirs differ. */
export function thresholdOf({ models }: Ensemble, request: { presenceThreshold?: number; config: Config }): number {
  const [first, ...others] = models
  const threshold = presenceThresholdFor(first!, request)
  for (const other of others) {
    const own = presenceThresholdFor(other, request)
    if (own !== threshold)
      throw new InputError(
        `${other.path}: presence_threshold is ${own}, that of ${first!.path} ${threshold}; name one: with model.presence_threshold=${threshold}`,
      )
  }
  return threshold
}

/** Paths of the models as results state them: one as itself, several as a list. */
export function weightsOf({ models }: Ensemble): string | string[] {
  const [first, ...others] = models.map(({ path }) => path)
  return others.length === 0 ? first! : [first!, ...others]
}

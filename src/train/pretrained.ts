import { resolve } from 'node:path'
import { readModelFile } from '../checkpoint/weights.ts'
import type { Dataset } from '../data/dataset/dataset.ts'
import { weightsPath } from '../models/registry.ts'
import type { Initialisation } from '../nn/initialise.ts'
import { featuresOf, type SadaanShape, widthsText } from '../nn/specification.ts'
import { factDifferences } from '../run/dataset_facts.ts'
import { type FittedWeights, fittedWeights, rowsByName } from '../run/fitted_weights.ts'
import { floatsOf } from '../run/model_weights.ts'
import { type TrainedModel, trainedModelOf } from '../run/trained_model.ts'
import { InputError } from '../util/error.ts'
import { listed } from '../util/listing.ts'

/** Weights that a training starts from. */
export interface Pretrained extends FittedWeights {
  path: string
}

/** What shall be trained. */
interface Wanted {
  dataset: Dataset
  shape: SadaanShape
  /** of what the weights do not have */
  initialisation: Initialisation
}

const PRIORS = 'attention_module.position_embeddings'
const HEAD = /^(attention_module|absence_detector|segmentation_head)\./
const ENCODER_CONVOLUTION = /^encoder\.(enc|dec)\d\.[03]\.weight$/

/**
 * What a model of this dataset can take from the weights in a file, or of the model of that name; the rest is drawn. Encoder and decoder:
 * tensors of equal shape. The head: if it is as wide and the file has one of the dataset's structures, these and what they share. Position
 * priors: also only at the same size. Tells `say` what is drawn anew, and how the dataset differs from that of the file. Throws
 * InputError if the file cannot be read, or nothing fits.
 */
export function pretrainedWeights(
  nameOrPath: string,
  { dataset, shape, initialisation }: Wanted,
  say: (line: string) => void,
): Pretrained {
  const path = weightsPath(nameOrPath)
  const model = trainedModelOf(readModelFile(path), path)
  floatsOf(model.shape, model.weights, path)
  for (const line of factDifferences(model, dataset, { seenAt: shape.size })) say(`warning: ${line}`)
  const rows = rowsIn(model, dataset.structureNames)
  const isHeadTaken = featuresOf(model.shape) === featuresOf(shape) && rows.some(row => row >= 0)
  const isLeftOut = (name: string): boolean =>
    HEAD.test(name) && (!isHeadTaken || (name === PRIORS && model.shape.size.join() !== shape.size.join()))
  const fitted = fittedWeights(shape, initialisation, { weights: model.weights, rows, isLeftOut })
  if (!fitted.taken.some(name => ENCODER_CONVOLUTION.test(name)))
    throw new InputError(
      `${path}: has ${widthsText(model.shape)}, and no layer of a model with ${widthsText(shape)}: expected weights of that width, or model.channels=[${model.shape.channels}]`,
    )
  for (const line of differenceLines(fitted, { model, dataset, shape, rows, isHeadTaken })) say(line)
  if (model.card) say(`${path}: ${model.card.licence}`)
  return { path: resolve(path), ...fitted }
}

/** A file without names is taken to have the structures in their order, if there are as many. */
function rowsIn({ structureNames, shape }: TrainedModel, wanted: readonly string[]): number[] {
  if (structureNames) return rowsByName(structureNames, wanted)
  return wanted.map((_, s) => (wanted.length === shape.structures ? s : -1))
}

interface Fit extends Omit<Wanted, 'initialisation'> {
  model: TrainedModel
  rows: readonly number[]
  isHeadTaken: boolean
}

/** In one line what was not taken, and why; nothing if all was. */
function differenceLines({ taken, partly, drawn }: FittedWeights, { model, ...fit }: Fit): string[] {
  const { dataset, shape, rows, isHeadTaken } = fit
  const { path } = model
  if (drawn.length + partly.length === 0) {
    const isMoved = rows.some((row, s) => row !== s)
    return isMoved
      ? [`${path} has the structures in another order than ${dataset.directory}: their weights are matched by name`]
      : []
  }
  const layers = new Set(drawn.filter(name => !HEAD.test(name)).map(name => name.replace(/\.\w+$/, '')))
  const strangers = dataset.structureNames.filter((_, s) => rows[s]! < 0)
  const reasons = [
    ...(layers.size > 0 ? [`${listed([...layers])} (other widths)`] : []),
    ...(isHeadTaken ? [] : [`the heads and position priors (${headReason(model, fit)})`]),
    ...(isHeadTaken && drawn.includes(PRIORS)
      ? [`the position priors (${shape.size.join('×')} voxels, not ${model.shape.size.join('×')})`]
      : []),
    ...(isHeadTaken && strangers.length > 0 ? [`what belongs to ${listed(strangers)} (not among its structures)`] : []),
  ]
  const all = taken.length + partly.length + drawn.length
  return [`${path}: ${taken.length + partly.length} of ${all} tensors are taken; drawn anew: ${reasons.join('; ')}`]
}

function headReason(model: TrainedModel, { dataset, shape }: Omit<Fit, 'model'>): string {
  const [own, wanted] = [featuresOf(model.shape), featuresOf(shape)]
  if (own !== wanted) return `${wanted} features, not ${own}`
  const names = model.structureNames
  return names
    ? `${listed(dataset.structureNames)}, not ${listed(names)}`
    : `${shape.structures} structures, not ${model.shape.structures}`
}

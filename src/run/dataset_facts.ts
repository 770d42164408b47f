import type { DatasetFacts } from '../data/dataset/dataset.ts'
import { preparationDifferences } from '../data/scan/preparation_text.ts'
import { scanDifferences } from '../data/scan/scan_differences.ts'
import { InputError } from '../util/error.ts'
import { listed } from '../util/listing.ts'
import type { TrainedModel } from './trained_model.ts'

/**
 * How the images of a dataset differ from those that the model was trained on, one line per kind, as far as both are known. They are
 * resampled to the model's size unless its windows slide over them. Throws InputError if the channels have the same names in another order.
 */
export function factDifferences(model: TrainedModel, dataset: DatasetFacts, isSlidOver = false): string[] {
  const { directory, preparation, trainingScans } = dataset
  const lines = [...channelDifferences(model, dataset)]
  if (model.preparation && preparation) {
    const { size } = model.shape
    const prepared = preparationDifferences(
      { ...preparation, seenAt: isSlidOver ? dataset.imageSize : size },
      { ...model.preparation, seenAt: size },
    )
    if (prepared.length > 0)
      lines.push(`${directory} was prepared otherwise than the training data of ${model.path}: ${prepared.join('; ')}`)
    // without a preparation, `patches` may only be unknown
    if (model.patches !== dataset.patches && !isSlidOver) lines.push(patchLine(model, dataset))
  }
  if (model.trainingScans && model.preparation && trainingScans) {
    const whose = `the training scans of ${model.path} had`
    const scans = scanDifferences(trainingScans, model.trainingScans, model.preparation, whose)
    lines.push(...scans.map(line => `${directory}: ${line}`))
  }
  return lines
}

function channelDifferences(
  { path, channelNames: own }: TrainedModel,
  { directory, channelNames: other }: DatasetFacts,
) {
  if (!own || !other || own.join('\0') === other.join('\0')) return []
  if ([...own].sort().join('\0') === [...other].sort().join('\0'))
    throw new InputError(
      `${directory}: its channels are ${listed(other)}, ${path} expects ${listed(own)}; import the scans with the channels in this order`,
    )
  return [`${directory} has the channels ${listed(other)}, ${path} was trained on ${listed(own)}`]
}

function patchLine({ path, patches }: TrainedModel, { directory }: DatasetFacts): string {
  return patches
    ? `${directory} holds whole scans, ${path} was trained on patches`
    : `${directory} holds patches of scans, ${path} was trained on whole scans`
}

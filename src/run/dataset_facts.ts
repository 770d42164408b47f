import type { DatasetFacts } from '../data/dataset/dataset.ts'
import type { Split } from '../data/dataset/split.ts'
import { type Preparation, parsePreparation } from '../data/scan/preparation.ts'
import { preparationDifferences } from '../data/scan/preparation_text.ts'
import { isWithin, scanDifferences, ZOOM_FACTOR } from '../data/scan/scan_differences.ts'
import type { Range } from '../data/scan/scan_ranges.ts'
import { lengthsText } from '../data/scan/scan_ranges_text.ts'
import { InputError } from '../util/error.ts'
import { listed } from '../util/listing.ts'
import type { ImageSize } from '../util/shape.ts'
import type { TrainedModel } from './trained_model.ts'

/**
 * How the images of a dataset differ from those that the model was trained on, one line per kind, as far as both are known. They are
 * resampled to `seenAt`, the model's size, unless its windows slide over them. Throws InputError if the channels have the same names in
 * another order.
 */
export function factDifferences(
  model: TrainedModel,
  dataset: DatasetFacts,
  { isSlidOver = false, seenAt = model.shape.size }: { isSlidOver?: boolean; seenAt?: Readonly<ImageSize> } = {},
): string[] {
  const { directory, preparation, trainingScans } = dataset
  const lines = [...channelDifferences(model, dataset)]
  if (model.preparation && preparation) {
    const prepared = preparationDifferences(
      { ...preparation, seenAt: isSlidOver ? dataset.imageSize : seenAt },
      { ...model.preparation, seenAt: model.shape.size },
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

/**
 * How the voxels of stored images differ from those that the model was trained on, for images of an unknown preparation. Nothing is known
 * if the file does not say how long they are, or the model has them of any length.
 */
export function voxelDifferences(
  { path, preparation, shape: { size } }: TrainedModel,
  { path: file, imageSize, spacing }: Pick<Split, 'path' | 'imageSize' | 'spacing'>,
  isSlidOver = false,
): string[] {
  if (!spacing || preparation?.frame.kind !== 'spacing') return []
  const { spacing_mm } = preparation.frame
  const seenAt = isSlidOver ? imageSize : size
  const own = spacing_mm.map((_, axis): Range => {
    const lengths = spacing.filter((_, i) => i % 3 === axis).map(length => (length * imageSize[axis]!) / seenAt[axis]!)
    return [lengths.reduce((a, b) => Math.min(a, b)), lengths.reduce((a, b) => Math.max(a, b))]
  })
  const trained = spacing_mm.map((length, axis): Range => {
    const seen = (length * preparation.image_size[axis]!) / size[axis]!
    return [seen, seen]
  })
  if (own.every((each, axis) => isWithin(each, trained[axis]!, ZOOM_FACTOR))) return []
  return [`${file}: voxels of ${lengthsText(own)}; ${path} was trained on ${lengthsText(trained)}`]
}

/** How a preparation differs from the one that a checkpoint states, if both are known. Throws InputError if that is invalid. */
export function preparationChanges(given: Preparation | undefined, stated: unknown, path: string): string[] {
  if (!given || stated === undefined) return []
  const trained = parsePreparation(stated, path)
  return preparationDifferences({ ...given, seenAt: given.image_size }, { ...trained, seenAt: trained.image_size })
}

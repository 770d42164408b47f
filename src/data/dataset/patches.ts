import { InputError } from '../../util/error.ts'
import type { ImageSize } from '../../util/shape.ts'
import { patchStarts } from '../scan/patches.ts'
import type { Dataset } from './dataset.ts'
import { type PatchCut, type Split, withRows } from './split.ts'

/** How training patches are drawn. */
export interface PatchRule {
  size: ImageSize
  /** patches that an epoch draws from each sample */
  perSample: number
  /** share of the patches that are centred on a voxel of a present structure */
  foreground: number
}

/**
 * The dataset as patches of its samples: those of the training split are drawn anew each epoch, those of the others lie on a grid. Throws
 * InputError if a patch is larger than a sample, or voxels differ in length from scan to scan, so that no window of that size could slide over one.
 */
export function withRandomPatches(dataset: Dataset, { size, perSample, foreground }: PatchRule): Dataset {
  const { directory, imageSize, preparation } = dataset
  if (size.some((length, axis) => length > imageSize[axis]!))
    throw new InputError(
      `training.patch_size is ${size.join('×')}, the samples of ${directory} are ${imageSize.join('×')}: expected a patch no longer than a sample along any axis`,
    )
  if (preparation?.frame.kind === 'field_of_view')
    throw new InputError(
      `${directory}: its scans were resampled whole, so their voxels differ in length; expected scans imported with --spacing for training.patch_size`,
    )
  const train = dataset.splits.train!
  const rows = Array.from({ length: train.samples * perSample }, (_, i) => Math.floor(i / perSample))
  const grid = withGridPatches(dataset, size)
  return { ...grid, splits: { ...grid.splits, train: cutBy(train, rows, size, { kind: 'drawn', foreground }) } }
}

/** The dataset as patches on a grid, half a patch apart, as import cuts them. No patch is larger than a sample. */
export function withGridPatches(dataset: Dataset, size: ImageSize): Dataset {
  const { preparation, splits, imageSize } = dataset
  const starts = patchStarts(imageSize, size, size.map(length => length / 2) as ImageSize)
  const gridOf = (split: Split): Split => {
    const rows = Array.from({ length: split.samples * starts.length }, (_, i) => Math.floor(i / starts.length))
    return cutBy(split, rows, size, { kind: 'grid', starts: rows.map((_, i) => starts[i % starts.length]!) })
  }
  return {
    ...dataset,
    imageSize: size,
    patches: true,
    preparation: preparation && { ...preparation, image_size: size },
    splits: Object.fromEntries(Object.entries(splits).map(([name, split]) => [name, gridOf(split)])),
  }
}

/** Patches of the samples `rows`. A scenario is of a whole sample and says nothing of them. */
function cutBy(split: Split, rows: readonly number[], size: ImageSize, cut: PatchCut): Split {
  return { ...withRows(split, split.name, rows), imageSize: size, scenarios: rows.map(() => ''), cut }
}

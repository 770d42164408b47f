import { InputError } from '../../util/error.ts'
import { AXIS_DIVISOR, divisible, type ImageSize } from '../../util/shape.ts'
import type { ChannelRule } from './intensity_rules.ts'
import type { SourceRequest } from './sources.ts'

export interface ImportOptions {
  sources: readonly SourceRequest[]
  /** The names of all structures, in order. Default: the order of the sources. */
  structureNames?: readonly string[]
  outputDir: string
  /** The model's size in voxels along right, anterior, superior. Optional with a spacing. Default: the smallest size that holds every scan. */
  imageSize?: ImageSize
  /** The model's voxel spacing in millimetres. Default: the whole field of view is resampled to `imageSize`. */
  spacing?: readonly [number, number, number]
  /** Cut scans larger than `imageSize` into patches of that size. */
  patches: boolean
  /** Voxels between patches along right, anterior, superior. Default: half a patch. */
  patchStride?: ImageSize
  /** Rules for channels; channels without one use their default (`rulesFor`). */
  intensity: readonly ChannelRule[]
  /** Fraction of the subjects. */
  validationSplit: number
  /** Fraction of the subjects. */
  testSplit: number
  /** Seed for drawing the splits. */
  seed: number
  /** Replace another dataset in the folder. An earlier run of the same import is replaced in any case. */
  overwrite: boolean
  /** Skip and list unusable scans instead of stopping at the first. */
  skipBad: boolean
}

export const IMPORT_DEFAULTS = {
  patches: false,
  intensity: [],
  validationSplit: 0.2,
  testSplit: 0,
  seed: 42,
  skipBad: false,
  overwrite: false,
} as const satisfies Partial<ImportOptions>

/** Throws InputError for options that contradict each other. */
export function checkOptions(options: ImportOptions): void {
  const { imageSize, spacing, patches, patchStride, validationSplit, testSplit, seed, sources } = options
  if (sources.length === 0) throw new InputError('no source of scans, expected --images and --labels, or --manifest')
  if (!imageSize && !spacing)
    throw new InputError(
      'neither spacing nor image size are given, expected --recipe, which configure writes, or --spacing, e.g. 1.5,1.5,3 (mm), --image-size, e.g. 128,128,64 (voxels), or both',
    )
  if (patches && !(imageSize && spacing))
    throw new InputError(
      '--patches needs --spacing and --image-size: the voxel spacing, and the size of a patch in voxels',
    )
  if (patchStride && !patches) throw new InputError('a patch stride needs --patches')
  if (patchStride?.some((step, axis) => !(Number.isInteger(step) && step >= 1 && step <= imageSize![axis]!)))
    throw new InputError(
      `patch stride ${patchStride.join(',')}: expected integers from 1 to the image size ${imageSize!.join(',')}`,
    )
  if (imageSize?.some(axis => !Number.isInteger(axis) || axis < AXIS_DIVISOR || axis % AXIS_DIVISOR !== 0))
    throw new InputError(
      `image size ${imageSize.join(',')}: every axis must be a multiple of ${AXIS_DIVISOR}, e.g. ${divisible(imageSize).join(',')}`,
    )
  if (spacing?.some(length => !(length > 0 && length < Number.POSITIVE_INFINITY)))
    throw new InputError(`spacing ${spacing.join(',')}: expected millimetres above 0`)
  if (!(validationSplit >= 0 && testSplit >= 0 && validationSplit + testSplit < 1))
    throw new InputError(`validation ${validationSplit} and test ${testSplit}: expected fractions with a sum below 1`)
  if (seed >>> 0 !== seed) throw new InputError(`seed ${seed}, expected an integer from 0 to 4294967295`)
}

import type { Dataset } from '../data/dataset/dataset.ts'
import type { FrameRule } from '../data/scan/preparation.ts'
import type { ImageSize } from '../util/shape.ts'
import type { Fingerprint } from './fingerprint_schema.ts'

/** How scans become samples: the whole frame, or patches. */
export interface SampleForm {
  /** of a sample, in voxels */
  size: ImageSize
  /** undefined: the dataset's samples are resampled to `size` */
  frame: FrameRule | undefined
  /** voxels between patches; undefined: a sample is a whole frame */
  patchStride: ImageSize | undefined
}

export interface SampleCounts {
  training: number
  validation: number
}

/** What a run is planned for: scans that will be imported, or a dataset. */
export interface Material {
  fingerprint: Fingerprint
  structureNames: readonly string[]
  /** of an image */
  channels: number
  /** the size of a dataset's samples, and whether they are patches; undefined for scans */
  stored: { size: ImageSize; patches: boolean } | undefined
  /** whether every validation subject has a structure, so that Dice can select the best model */
  hasValidStructures: boolean
  warnings: readonly string[]
  count(form: SampleForm): SampleCounts
  /** Opens a dataset with at least `samples` training samples of this form, as far as there are so many, for measuring. */
  withDataset<T>(form: SampleForm, samples: number, use: (dataset: Dataset) => Promise<T>): Promise<T>
}

/** Looked at for intensities: images are large, and more of them change little. */
const IMAGES_READ = 50

/** At most `most` of the items, evenly spread, the same every time. */
export function evenly<T>(items: readonly T[], most: number = IMAGES_READ): T[] {
  if (items.length <= most) return [...items]
  return Array.from({ length: most }, (_, i) => items[Math.floor((i * items.length) / most)]!)
}

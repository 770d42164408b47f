import type { ImageSize } from '../../../util/shape.ts'
import type { Affine } from '../grid.ts'
import type { LabelNames } from '../nifti/label_table.ts'
import type { VoxelPlace } from './voxel_data.ts'
import type { VoxelForm } from './voxels.ts'

/** What the text header of a volume states. */
export interface VolumeHeader {
  size: ImageSize // voxels along the stored axes (i, j, k)
  channels: number
  affine: Affine // in millimetres
  /** What it leaves in doubt, and what was taken: each a sentence to follow the file's name. */
  warnings: string[]
  form: VoxelForm
  data: VoxelPlace
  /** names of label values */
  labelNames?: LabelNames
}

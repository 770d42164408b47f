import type { ImageSize } from '../../util/shape.ts'
import type { NumericArray } from '../hdf5/file.ts'
import type { DicomSource } from './dicom/source.ts'
import type { Affine, NiftiGeometry } from './grid.ts'
import type { LabelNames } from './nifti/label_table.ts'

/** A volume of one subject, from a NIfTI, NRRD or MetaImage file or a DICOM series. */
export interface Scan {
  path: string
  size: ImageSize // voxels along the stored axes (i, j, k)
  channels: number
  values: NumericArray // (C, I, J, K), k fastest, in the source's unit (HU for CT)
  affine: Affine // in millimetres
  /** What its header leaves in doubt or what was left out: each a sentence to follow the scan's name. */
  warnings: readonly string[]
  /** NIfTI and NRRD only: names of label values, from a table in the header */
  labelNames?: LabelNames
  /** NIfTI only: how the header states the affine */
  geometry?: NiftiGeometry
  /** DICOM only: what a segmentation repeats */
  dicom?: DicomSource
}

/** A voxel grid and its position in world space. */
export type ScanGrid = Pick<Scan, 'size' | 'affine' | 'geometry'>

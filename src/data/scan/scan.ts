import type { ImageSize } from '../../util/shape.ts'
import type { NumericArray } from '../hdf5/file.ts'
import type { DicomSource } from './dicom/source.ts'
import type { Affine, NiftiGeometry } from './grid.ts'

/** A volume of one subject, as a NIfTI file or a DICOM series gives it. */
export interface Scan {
  path: string
  size: ImageSize // voxels along the stored axes (i, j, k)
  channels: number
  values: NumericArray // (C, I, J, K), k fastest, in the source's unit (HU for CT)
  affine: Affine
  /** of NIfTI: how its header states the affine */
  geometry?: NiftiGeometry
  /** of a DICOM series: what a segmentation of it repeats */
  dicom?: DicomSource
}

/** Where a grid lies in the world. */
export type ScanGrid = Pick<Scan, 'size' | 'affine' | 'geometry'>

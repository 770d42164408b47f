import { InputError } from '../util/error.ts'
import type { NumericArray } from './hdf5_file.ts'
import { type Affine, type NiftiGeometry, readNifti } from './nifti.ts'
import type { ImageSize } from './volumes.ts'

/** A volume of one subject, as a NIfTI file or a DICOM series gives it. */
export interface Scan {
  path: string
  size: ImageSize // voxels along the stored axes (i, j, k)
  channels: number
  values: NumericArray // (C, I, J, K), k fastest, in the source's unit (HU for CT)
  affine: Affine
  /** of NIfTI: how its header states the affine */
  geometry?: NiftiGeometry
}

/** Where a grid lies in the world. */
export type ScanGrid = Pick<Scan, 'size' | 'affine' | 'geometry'>

/** Whether `path` is named as a scan is: .nii or .nii.gz. */
export function isScan(path: string): boolean {
  return /\.nii(\.gz)?$/i.test(path)
}

/** Reads the scan at `path`. Throws InputError naming file and reason. */
export function readScan(path: string): Scan {
  if (!isScan(path)) throw new InputError(`${path}: expected a NIfTI file (.nii or .nii.gz)`)
  return readNifti(path)
}

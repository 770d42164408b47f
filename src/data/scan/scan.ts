import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../../util/error.ts'
import type { ImageSize } from '../dataset/volumes.ts'
import type { NumericArray } from '../hdf5/file.ts'
import { isDicomFile } from './dicom/file.ts'
import { holdsDicom, readDicomSeries } from './dicom/series.ts'
import type { DicomSource } from './dicom/source.ts'
import { type Affine, type NiftiGeometry, readNifti } from './nifti.ts'

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

export interface ScanOptions {
  /** the UID of the one to read of a DICOM folder with several volumes */
  series?: string | undefined
}

/** Where a grid lies in the world. */
export type ScanGrid = Pick<Scan, 'size' | 'affine' | 'geometry'>

/** Whether `path` is a scan: named .nii, .nii.gz or .dcm, a DICOM file of any name, or a folder with DICOM files that is no dataset. */
export function isScan(path: string): boolean {
  if (isNiftiName(path) || /\.dcm$/i.test(path)) return true
  if (!isFolder(path)) return isDicomFile(path)
  return !existsSync(join(path, 'metadata.json')) && holdsDicom(path)
}

/** Reads the scan at `path`. Throws InputError naming file and reason. */
export function readScan(path: string, { series }: ScanOptions = {}): Scan {
  if (!isNiftiName(path)) {
    if (isScan(path)) return readDicomSeries(path, series)
    const found = isFolder(path) ? 'folder holds no DICOM series' : 'is no scan'
    throw new InputError(`${path}: ${found}, expected a NIfTI file (.nii or .nii.gz) or a DICOM series`)
  }
  if (series !== undefined) throw new InputError(`${path}: is a NIfTI file, a series is chosen of a DICOM folder`)
  return readNifti(path)
}

export function isNiftiName(path: string): boolean {
  return /\.nii(\.gz)?$/i.test(path)
}

/** False where there is nothing. */
export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

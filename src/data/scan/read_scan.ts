import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../../util/error.ts'
import { isDicomFile } from './dicom/file.ts'
import { holdsDicom, readDicomSeries } from './dicom/series.ts'
import { readNifti } from './nifti.ts'
import type { Scan } from './scan.ts'

export interface ScanOptions {
  /** the UID of the one to read of a DICOM folder with several volumes */
  series?: string | undefined
}

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

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../../util/error.ts'
import { isFolder } from '../../util/files/lookup.ts'
import { isDicomFile } from './dicom/file.ts'
import { holdsDicom, readDicomSeries } from './dicom/series.ts'
import type { Scan } from './scan.ts'
import { isVolumeName, VOLUME_ENDINGS, volumeFormat } from './volume/names.ts'
import { readVolume } from './volume/volume.ts'

export interface ScanOptions {
  /** UID of the series to read from a DICOM folder with several volumes */
  series?: string | undefined
}

/** Whether `path` is a scan: named as a volume or .dcm, a DICOM file with any name, or a folder with DICOM files that is not a dataset. */
export function isScan(path: string): boolean {
  if (isVolumeName(path) || /\.dcm$/i.test(path)) return true
  if (!isFolder(path)) return isDicomFile(path)
  return !existsSync(join(path, 'metadata.json')) && holdsDicom(path)
}

/** Reads the scan at `path`. Throws InputError with file and reason. */
export function readScan(path: string, { series }: ScanOptions = {}): Scan {
  if (!isVolumeName(path)) {
    if (isScan(path)) return readDicomSeries(path, series)
    const found = isFolder(path) ? 'folder holds no DICOM series' : 'is not a scan'
    throw new InputError(`${path}: ${found}, expected a volume (${VOLUME_ENDINGS}) or a DICOM series`)
  }
  if (series !== undefined)
    throw new InputError(`${path}: is a ${volumeFormat(path)} file, but a series was given, which needs DICOM`)
  return readVolume(path)
}

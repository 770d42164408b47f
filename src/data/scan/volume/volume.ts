import { readMetaHeader } from '../metaimage/header.ts'
import { readNifti, readNiftiGrid } from '../nifti/read.ts'
import { readNrrdHeader } from '../nrrd/header.ts'
import type { Scan } from '../scan.ts'
import type { VolumeHeader } from './header.ts'
import { type VolumeFormat, volumeFormat } from './names.ts'
import { readVoxelData } from './voxel_data.ts'

/** What the header of a scan states. */
export type ScanHeader = Omit<Scan, 'values' | 'labelNames' | 'dicom'>

const TEXT_HEADERS: Readonly<Record<Exclude<VolumeFormat, 'NIfTI'>, (path: string) => VolumeHeader>> = {
  NRRD: readNrrdHeader,
  MetaImage: readMetaHeader,
}

/** Reads a scan whose name is that of a volume: NIfTI, NRRD or MetaImage. Throws InputError with one line. */
export function readVolume(path: string): Scan {
  const format = volumeFormat(path)!
  if (format === 'NIfTI') return readNifti(path)
  const { form, data, ...header } = TEXT_HEADERS[format](path)
  return { path, ...header, values: readVoxelData(path, data, form) }
}

/** Reads the header only. Throws InputError like `readVolume`, except for errors in the voxels. */
export function readVolumeGrid(path: string): ScanHeader {
  const format = volumeFormat(path)!
  if (format === 'NIfTI') return readNiftiGrid(path)
  const { size, channels, affine, warnings } = TEXT_HEADERS[format](path)
  return { path, size, channels, affine, warnings }
}

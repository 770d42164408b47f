import { factsOf } from '../../util/files/lookup.ts'
import type { Affine } from '../scan/grid.ts'
import { unitOf } from '../scan/nifti/affine.ts'
import { obliquityOf, orientationOf } from '../scan/orientation.ts'
import { readScan } from '../scan/read_scan.ts'
import { shearWarnings } from '../scan/scan_warnings.ts'
import { spacingOf, voxelVolume } from '../scan/spacing.ts'
import { type Intensity, intensityOf } from './voxel_intensity.ts'

const CUBIC_MILLIMETRES = 1000 // of a millilitre

/** What is in a scan. */
export interface ScanInspection {
  kind: 'scan'
  path: string
  /** size of the file; null for a folder */
  bytes: number | null
  /** voxels along the stored axes */
  size: number[]
  channels: number
  /** voxel spacing in millimetres along the stored axes */
  spacing: number[]
  /** volume of a voxel in millilitres */
  voxel_ml: number
  /** the unit of length that the header states; null if it states none */
  unit: string | null
  /** direction of each stored axis, e.g. RAS */
  orientation: string
  /** degrees between the stored axes and the directions of `orientation`, at most */
  oblique: number
  affine: Affine
  intensity: Intensity | null
  /** what the header leaves in doubt, and what was taken */
  warnings: string[]
}

/** Reads the whole scan. Throws InputError like `readScan`. */
export function inspectScan(path: string): ScanInspection {
  const { size, channels, affine, geometry, values, warnings } = readScan(path)
  const status = factsOf(path)
  return {
    kind: 'scan',
    path,
    bytes: status?.isFile() ? status.size : null,
    size: [...size],
    channels,
    spacing: spacingOf(affine),
    voxel_ml: voxelVolume(affine) / CUBIC_MILLIMETRES,
    unit: geometry ? unitOf(geometry) : 'millimetre',
    orientation: orientationOf(affine).code,
    oblique: obliquityOf(affine),
    affine,
    intensity: intensityOf([values]) ?? null,
    warnings: [...warnings, ...shearWarnings(affine)],
  }
}

import { statSync } from 'node:fs'
import type { Affine } from '../scan/grid.ts'
import { orientationOf } from '../scan/orientation.ts'
import { readScan } from '../scan/read_scan.ts'
import { type Intensity, intensityOf } from './voxel_intensity.ts'

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
  /** direction of each stored axis, e.g. RAS */
  orientation: string
  affine: Affine
  intensity: Intensity | null
}

/** Reads the whole scan. Throws InputError like `readScan`. */
export function inspectScan(path: string): ScanInspection {
  const { size, channels, affine, values } = readScan(path)
  const status = statSync(path)
  return {
    kind: 'scan',
    path,
    bytes: status.isFile() ? status.size : null,
    size: [...size],
    channels,
    spacing: [0, 1, 2].map(axis => Math.hypot(...affine.map(row => row[axis]!))),
    orientation: orientationOf(affine).code,
    affine,
    intensity: intensityOf([values]) ?? null,
  }
}

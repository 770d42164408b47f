import { sizeOf } from '../../util/shape.ts'
import type { NumericArray } from '../hdf5/file.ts'
import { readScan, type ScanOptions } from './read_scan.ts'
import { checkSameGrid } from './same_grid.ts'
import type { Scan } from './scan.ts'

/** One channel of a scan, and the file it comes from. */
export interface Channel {
  scan: Scan
  values: NumericArray // (I, J, K)
}

/** The channels of a scan's files in order, one file in memory at a time. Throws InputError if a file's grid differs from the first one's. */
export function* channelsOf(images: readonly string[], options: ScanOptions = {}): Generator<Channel> {
  let first: Pick<Scan, 'path' | 'size' | 'affine'> | undefined
  for (const path of images) {
    const scan = readScan(path, options)
    if (first) checkSameGrid(scan, first)
    first ??= { path, size: scan.size, affine: scan.affine }
    const voxels = sizeOf(scan.size)
    for (let c = 0; c < scan.channels; c++) yield { scan, values: scan.values.subarray(c * voxels, (c + 1) * voxels) }
  }
}

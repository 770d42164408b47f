import { sizeOf } from '../../util/shape.ts'
import type { NumericArray } from '../hdf5/file.ts'
import { checkSameGrid } from './same_grid.ts'
import type { Scan } from './scan.ts'

/** One channel of a scan, and the file it comes from. */
export interface Channel {
  scan: Scan
  values: NumericArray // (I, J, K)
}

/** The channels of a scan's files in order; of each file, all are used before the next is asked for. Throws InputError if a file's grid differs from the first one's. */
export function* channelsIn(files: Iterable<Scan>): Generator<Channel> {
  let first: Pick<Scan, 'path' | 'size' | 'affine'> | undefined
  for (const scan of files) {
    if (first) checkSameGrid(scan, first)
    first ??= { path: scan.path, size: scan.size, affine: scan.affine }
    const voxels = sizeOf(scan.size)
    for (let c = 0; c < scan.channels; c++) yield { scan, values: scan.values.subarray(c * voxels, (c + 1) * voxels) }
  }
}

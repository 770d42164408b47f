import type { NumericArray } from '../hdf5/file.ts'

/** Statistics of the finite voxels. */
export interface Intensity {
  lowest: number
  highest: number
  mean: number
  deviation: number
}

/** Statistics over all voxels of the volumes (Welford's algorithm); undefined if no voxel is finite. */
export function intensityOf(volumes: Iterable<NumericArray>): Intensity | undefined {
  let [count, mean, squares, lowest, highest] = [0, 0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const volume of volumes)
    for (const voxel of volume) {
      if (!Number.isFinite(voxel)) continue
      const difference = voxel - mean
      mean += difference / ++count
      squares += difference * (voxel - mean)
      if (voxel < lowest) lowest = voxel
      if (voxel > highest) highest = voxel
    }
  return count === 0 ? undefined : { lowest, highest, mean, deviation: Math.sqrt(squares / count) }
}

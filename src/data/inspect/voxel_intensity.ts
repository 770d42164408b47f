import type { NumericArray } from '../hdf5/file.ts'

/** Of the finite ones among some voxels. */
export interface Intensity {
  lowest: number
  highest: number
  mean: number
  deviation: number
}

/** Voxels of any number of volumes, one after another; undefined where none is finite (Welford's update). */
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

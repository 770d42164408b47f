/** Rows x, y, z of the map from voxel indices (i, j, k, 1) to millimetres right, anterior and superior. */
export type Affine = readonly [number[], number[], number[]]

/** What places a volume in the world, as its header states it. */
export interface NiftiGeometry {
  /** Grid lengths and voxel sizes as in the header's pixdim[0..3]; [0] is the handedness of the quaternion. */
  pixdim: readonly number[]
  units: number
  sformCode: number
  sform: Affine
  qformCode: number
  quaternion: readonly [number, number, number]
  offset: readonly [number, number, number]
}

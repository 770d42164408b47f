/** Rows x, y, z of the affine from voxel indices (i, j, k, 1) to millimetres right, anterior, superior. */
export type Affine = readonly [number[], number[], number[]]

/** A volume's position in world space, as stated in its NIfTI header. */
export interface NiftiGeometry {
  /** The header's pixdim[0..3]: [0] is the handedness of the quaternion, the rest are voxel sizes. */
  pixdim: readonly number[]
  units: number
  sformCode: number
  sform: Affine
  qformCode: number
  quaternion: readonly [number, number, number]
  offset: readonly [number, number, number]
}

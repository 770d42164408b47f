import type { Affine } from './grid.ts'

type Triple = [number, number, number]

const ROUNDING = 1e-6 // share of its volume that a voxel loses by a shear; float32 affines of perpendicular axes lose far less

const FLAT = 1e-4 // of the volume that perpendicular axes would have
const SAME_LEAN = 1e-3 // of a cosine

/** Determinant of the affine's first three columns; negative if the axes are left-handed. */
export function determinantOf([a, b, c]: Affine): number {
  return (
    a[0]! * (b[1]! * c[2]! - b[2]! * c[1]!) -
    a[1]! * (b[0]! * c[2]! - b[2]! * c[0]!) +
    a[2]! * (b[0]! * c[1]! - b[1]! * c[0]!)
  )
}

export function isInvertible(affine: Affine): boolean {
  const [x, y, z] = stepsOf(affine)
  return affine.flat().every(Number.isFinite) && Math.abs(determinantOf(affine)) > FLAT * x * y * z
}

/** Volume of a voxel in cubic millimetres, also if the axes are not perpendicular. */
export function voxelVolume(affine: Affine): number {
  return Math.abs(determinantOf(affine))
}

/** Millimetres from one voxel to the next along each stored axis. */
export function stepsOf(affine: Affine): Triple {
  return [0, 1, 2].map(axis => Math.hypot(...affine.map(row => row[axis]!))) as Triple
}

/**
 * Voxel spacing in millimetres along the stored axes; its product is the volume of a voxel. Of axes that are not perpendicular, the one that
 * leans on the other two gets the distance between the planes of these two. If it may be either of two, it is the one stored last: slices are,
 * so that under a gantry tilt this is the distance between slices.
 */
export function spacingOf(affine: Affine): Triple {
  const steps = stepsOf(affine)
  const volume = voxelVolume(affine)
  const product = steps[0] * steps[1] * steps[2]
  if (!(volume < (1 - ROUNDING) * product)) return steps
  const leaning = [2, 1, 0].reduce((best, axis) =>
    leanOf(affine, axis) < leanOf(affine, best) - SAME_LEAN ? axis : best,
  )
  steps[leaning]! *= volume / product
  return steps
}

/** The smallest angle between two of the axes, in degrees; 90 if all are perpendicular. */
export function leastAngle(affine: Affine): number {
  return (Math.acos(Math.max(...[0, 1, 2].map(axis => leanOf(affine, axis)))) * 180) / Math.PI
}

/** |cosine| between the two axes other than `axis`: 0 if they are perpendicular, so that `axis` may be the one that leans. */
function leanOf(affine: Affine, axis: number): number {
  const [a, b] = [(axis + 1) % 3, (axis + 2) % 3] as const
  const steps = stepsOf(affine)
  return Math.abs(affine.reduce((sum, row) => sum + row[a]! * row[b]!, 0)) / (steps[a]! * steps[b]!)
}

import { InputError } from '../../util/error.ts'
import { orientedGrid } from './frame.ts'
import { orientedAffine } from './orientation.ts'
import type { ScanGrid } from './scan.ts'

export type PlacedGrid = ScanGrid & { path: string }

const GRID_TOLERANCE = 0.5 // of the smallest voxel spacing

/** Throws InputError unless both grids have the same voxels; the stored orientation may differ. */
export function checkSameGrid(label: PlacedGrid, image: PlacedGrid): void {
  const [own, other] = [orientedGrid(label), orientedGrid(image)]
  const [ownSize, otherSize] = [own.size.join('×'), other.size.join('×')]
  if (ownSize !== otherSize)
    throw new InputError(
      `${label.path}: has ${ownSize} voxels (right, anterior, superior), its image ${image.path} has ${otherSize}`,
    )
  const [ownAffine, otherAffine] = [orientedAffine(label), orientedAffine(image)]
  const [width, height, depth] = own.size
  for (const corner of [
    [0, 0, 0, 1],
    [width, 0, 0, 1],
    [0, height, 0, 1],
    [0, 0, depth, 1],
  ]) {
    const apart = ownAffine.map((row, r) =>
      row.reduce((sum, value, i) => sum + (value - otherAffine[r]![i]!) * corner[i]!, 0),
    )
    if (Math.hypot(...apart) > GRID_TOLERANCE * Math.min(...own.spacing))
      throw new InputError(`${label.path}: is not aligned with its image ${image.path} (their affines differ)`)
  }
}

import { InputError } from '../../util/error.ts'
import { orientedGrid } from './frame.ts'
import { orientedAffine } from './orientation.ts'
import type { ScanGrid } from './scan.ts'

export type PlacedGrid = ScanGrid & { path: string }

export const GRID_TOLERANCE = 0.5

/** Throws InputError unless both grids have the same voxels, however they are stored. */
export function checkSameGrid(label: PlacedGrid, image: PlacedGrid): void {
  const [own, other] = [orientedGrid(label), orientedGrid(image)]
  const [ownSize, otherSize] = [own.size.join('×'), other.size.join('×')]
  if (ownSize !== otherSize)
    throw new InputError(
      `${label.path}: is ${ownSize} to right, front and top, its image ${image.path} is ${otherSize}`,
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
      throw new InputError(`${label.path}: lies elsewhere than its image ${image.path} (their affines differ)`)
  }
}

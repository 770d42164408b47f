import type { Affine } from './grid.ts'

/** Where the axes of a space point: DICOM's and ITK's left, posterior and superior; those of NIfTI, which we use, right, anterior and superior. */
export type Space = 'RAS' | 'LAS' | 'LPS'

const SIGNS: Readonly<Record<Space, readonly [number, number, number]>> = {
  RAS: [1, 1, 1],
  LAS: [-1, 1, 1],
  LPS: [-1, -1, 1],
}

/** The affine of stored axes (i, j, k), each the vector from a voxel to the next, and the position of the first voxel, all in `space`. */
export function affineIn(space: Space, axes: readonly (readonly number[])[], origin: readonly number[]): Affine {
  const row = (world: number): number[] => [...axes, origin].map(vector => SIGNS[space][world]! * vector[world]! + 0) // + 0 makes -0 a 0
  return [row(0), row(1), row(2)]
}

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Affine } from '../../src/data/scan/grid.ts'
import { writeNifti } from '../../src/data/scan/nifti/writer.ts'
import type { BoxSize, Spacing } from '../../src/evaluate/distance_transform.ts'
import { sizeOf } from '../../src/util/shape.ts'

export const SIZE: BoxSize = [6, 5, 7] // 210 voxels, no multiple of 32
export const SPACING: Spacing = [1, 2, 0.5]

export function affineOf(spacing: Spacing, origin = [-3, 7, 11]): Affine {
  return [0, 1, 2].map(row => [
    ...[0, 1, 2].map(axis => (axis === row ? spacing[axis]! : 0)),
    origin[row]!,
  ]) as unknown as Affine
}

/** Writes labels by voxel, k fastest, and the folders above. */
export function writeLabels(
  path: string,
  value: (voxel: number) => number,
  { size = SIZE, affine = affineOf(SPACING) }: { size?: BoxSize; affine?: Affine } = {},
): string {
  mkdirSync(dirname(path), { recursive: true })
  const values = Uint8Array.from({ length: sizeOf(size) }, (_, v) => value(v))
  writeNifti(path, values, { size: [...size], affine })
  return path
}

/** A label with 1 in the first voxels of the grid and 2 in those that follow. */
export const blocks =
  (first: number, second: number) =>
  (v: number): number =>
    v < first ? 1 : v < first + second ? 2 : 0

export function writeDatasetJson(folder: string, labels: Record<string, unknown>, more: object = {}): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'dataset.json'), JSON.stringify({ labels, ...more }))
}

import { readNifti } from '../../src/data/scan/nifti/read.ts'
import { writeNifti } from '../../src/data/scan/nifti/writer.ts'
import { orientationOf, orientedAffine, reorient } from '../../src/data/scan/orientation.ts'
import type { ScanGrid } from '../../src/data/scan/scan.ts'
import { InputError } from '../../src/util/error.ts'
import { type ImageSize, sizeOf } from '../../src/util/shape.ts'
import type { Profile, Window } from './windows.ts'

/** A volume with its axes to the right, anterior and superior. */
export interface Volume {
  path: string
  values: Float32Array // (H, W, D)
  grid: ScanGrid
}

/** Reads a scan of one channel, or a label volume. Throws InputError as readNifti does. */
export function readVolume(path: string): Volume {
  const { values, size, channels, affine } = readNifti(path)
  if (channels !== 1) throw new InputError(`${path}: has ${channels} channels, expected one`)
  const oriented = reorient(Float32Array.from(values), size, orientationOf(affine))
  return { path, values: oriented.values, grid: { size: oriented.size, affine: orientedAffine({ size, affine }) } }
}

/** Voxels of a label value in each slice along an axis. */
export function profileOf({ values, grid: { size } }: Volume, label: number, axis: number): Profile {
  const profile = new Float64Array(size[axis]!)
  const step = sizeOf(size.slice(axis + 1))
  for (let v = 0; v < values.length; v++) if (values[v] === label) profile[Math.floor(v / step) % size[axis]!]!++
  return profile
}

/** The slices of a window along an axis, where they were in space. */
export function cropped({ path, values, grid }: Volume, axis: number, { start, end }: Window): Volume {
  const step = sizeOf(grid.size.slice(axis + 1))
  const [block, length] = [step * grid.size[axis]!, step * (end - start)]
  const blocks = values.length / block
  const cut = new Float32Array(blocks * length)
  for (let b = 0; b < blocks; b++)
    cut.set(values.subarray(b * block + start * step, b * block + end * step), b * length)
  const affine = grid.affine.map(row => [...row.slice(0, 3), row[3]! + start * row[axis]!])
  const size = grid.size.map((voxels, i) => (i === axis ? end - start : voxels)) as ImageSize
  return { path, values: cut, grid: { size, affine: affine as unknown as ScanGrid['affine'] } }
}

/** Writes a scan as float32. */
export function writeScan(path: string, { values, grid }: Volume): void {
  writeNifti(path, values, grid)
}

/** Writes labels as bytes, without the values in `removed`. */
export function writeLabels(path: string, { values, grid }: Volume, removed: ReadonlySet<number>): void {
  writeNifti(
    path,
    Uint8Array.from(values, value => (removed.has(value) ? 0 : value)),
    grid,
  )
}

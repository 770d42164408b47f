import { type ImageSize, sizeOf } from '../../util/shape.ts'
import type { NumericArray } from '../hdf5/file.ts'
import { type Orientation, orientationOf, reorient, restore, strideOver } from './orientation.ts'
import type { FrameRule } from './preparation.ts'
import {
  type Box,
  nearestOf,
  type Placement,
  type Placements,
  placeImage,
  placeLabels,
  reachOf,
  wholeOf,
} from './resample.ts'
import type { ScanGrid } from './scan.ts'
import { spacingOf } from './spacing.ts'

type Triple = [number, number, number]

const SAME_GRID = 0.01 // voxels: two grids of equal spacing that drift apart by less along an axis count as one

/** Maps a scan's grid to the grid of a model (RAS axes) and back. */
export class Frame {
  /** of the model's grid */
  readonly size: ImageSize
  /** voxel spacing of the model's grid in millimetres, along right, anterior, superior */
  readonly spacing: Triple
  /** directions of the scan's stored axes, e.g. "LSA" */
  readonly orientation: Orientation
  /** size of the scan after reorientation to right, anterior, superior */
  readonly oriented: ImageSize
  private readonly scanSize: ImageSize // along its stored axes
  private readonly placements: Placements

  /** `size` is the model's. With a constant spacing, the scan is cropped or padded around its centre. */
  constructor(grid: ScanGrid, rule: FrameRule, size: ImageSize) {
    this.scanSize = grid.size
    this.size = size
    this.orientation = orientationOf(grid.affine)
    const { size: oriented, spacing: voxel } = orientedGrid(grid)
    this.oriented = oriented
    this.spacing = rule.kind === 'spacing' ? rule.spacing_mm : scaled(voxel, oriented, size)
    this.placements = oriented.map((from, i) =>
      rule.kind === 'spacing'
        ? centred(from, size[i]!, rule.spacing_mm[i]!, voxel[i]!)
        : { from, to: size[i]!, step: [from, size[i]!], start: 0 },
    ) as unknown as Placements
  }

  /**
   * Resamples one channel of the scan (I, J, K) into `target` (H, W, D): trilinear, or averaging along axes where the model's voxels are more
   * than twice as long as the scan's. Voxels outside the scan are 0, so scale the intensities to 0..255 first.
   */
  imageToModel(values: NumericArray, target: Float32Array): void {
    const { values: oriented } = reorient(values, this.scanSize, this.orientation)
    placeImage(oriented, this.placements, target)
  }

  /** Resamples labels of the scan (I, J, K) into `target` (H, W, D), nearest-neighbour; 0 outside the scan. */
  labelsToModel(values: NumericArray, target: NumericArray): void {
    const { values: oriented } = reorient(values, this.scanSize, this.orientation)
    placeLabels(oriented, this.placements, target)
  }

  /** Resamples a volume on the model's grid (H, W, D), e.g. probabilities, to the scan's (I, J, K), trilinear; 0 outside the model's grid. */
  imageToScan(values: Float32Array): Float32Array {
    const oriented = new Float32Array(sizeOf(this.oriented))
    placeImage(values, this.back, oriented)
    return restore(oriented, this.scanSize, this.orientation)
  }

  /**
   * The box of scan voxels (RAS axes) to which values above `threshold` in a volume on the model's grid (H, W, D) contribute. After resampling
   * to the scan, voxels outside the box do not exceed the threshold.
   */
  boxAbove(values: Float32Array, threshold: number): Box {
    return reachOf(this.back, extentAbove(values, this.size, threshold))
  }

  /** Computes `imageToScan` for a box of the scan only, into `target` (RAS axes). */
  imageToBox(values: Float32Array, box: Box, target: Float32Array): void {
    placeImage(values, this.back, target, box)
  }

  /** Index in the scan (I, J, K) of voxel (h, w, d) along right, anterior, superior: start + h·steps[0] + w·steps[1] + d·steps[2]. */
  get stored(): { start: number; steps: ImageSize } {
    return strideOver(this.scanSize, this.orientation)
  }

  /** The box of scan voxels (RAS axes) inside the model's grid. */
  get reach(): Box {
    return reachOf(this.back, wholeOf(this.size))
  }

  private get back(): Placements {
    return this.placements.map(inverse) as unknown as Placements
  }

  /**
   * Sets `target` (H, W, D) to 1 where a model voxel contains the centre of a scan voxel for which `isMarked` is true. Used for structures so
   * small that `labelsToModel` misses them.
   */
  markInModel(values: NumericArray, isMarked: (value: number) => boolean, target: Uint8Array): void {
    this.visit(values, (place, value) => {
      if (place >= 0 && isMarked(value)) target[place] = 1
    })
  }

  /** Number of scan voxels for which `isMarked` is true and whose centres lie outside the model's grid. */
  countOutside(values: NumericArray, isMarked: (value: number) => boolean): number {
    let count = 0
    if (this.isCropped)
      this.visit(values, (place, value) => {
        if (place < 0 && isMarked(value)) count++
      })
    return count
  }

  /** Whether voxels of the scan lie outside the model's grid. */
  get isCropped(): boolean {
    return this.reach.some(([first, end], axis) => end - first < this.oriented[axis]!)
  }

  /** Calls `at` for every scan voxel with the index (H, W, D) of the model voxel that contains its centre, or −1 if none does. */
  private visit(values: NumericArray, at: (place: number, value: number) => void): void {
    const { values: oriented } = reorient(values, this.scanSize, this.orientation)
    const axes = this.back.map(nearestOf)
    const [rows, columns, slices] = axes as [Int32Array, Int32Array, Int32Array]
    const [, width, depth] = this.size
    let v = 0
    for (const row of rows)
      for (const column of columns) {
        const line = row < 0 || column < 0 ? -1 : (row * width + column) * depth
        for (const slice of slices) at(line < 0 || slice < 0 ? -1 : line + slice, oriented[v++]!)
      }
  }
}

/** Size and voxel spacing in millimetres of a scan along right, anterior, superior. */
export function orientedGrid({ size, affine }: ScanGrid): { size: ImageSize; spacing: Triple } {
  const { axes } = orientationOf(affine)
  const spacing = spacingOf(affine)
  return {
    size: axes.map(axis => size[axis]!) as ImageSize,
    spacing: axes.map(axis => spacing[axis]!) as Triple,
  }
}

/** Number of voxels with `spacing` in millimetres that cover the whole scan, along right, anterior, superior. */
export function sizeAtSpacing(grid: ScanGrid, spacing: readonly [number, number, number]): ImageSize {
  const { size, spacing: voxel } = orientedGrid(grid)
  return size.map((from, i) => Math.max(1, Math.ceil((from * voxel[i]!) / spacing[i]! - SAME_GRID))) as ImageSize
}

/** Size of the grid from which windows or patches of `size` are cut: with the rule's spacing it covers the whole scan and at least one patch. */
export function sizeToCut(grid: ScanGrid, rule: FrameRule, size: ImageSize): ImageSize {
  if (rule.kind !== 'spacing') return size
  return sizeAtSpacing(grid, rule.spacing_mm).map((length, axis) => Math.max(length, size[axis]!)) as ImageSize
}

function scaled(voxel: Triple, from: ImageSize, to: ImageSize): Triple {
  return voxel.map((length, i) => (length * from[i]!) / to[i]!) as Triple
}

/**
 * Places `to` voxels of `spacing` around the centre of `from` voxels of `voxel` millimetres. If both spacings are equal, no voxel may be
 * interpolated, so the centre moves by half a voxel if the sizes differ by an odd number.
 */
function centred(from: number, to: number, spacing: number, voxel: number): Placement {
  const drift = Math.abs(spacing / voxel - 1) * Math.max(from, to)
  if (drift < SAME_GRID) return { from, to, step: [1, 1], start: Math.floor((from - to) / 2) }
  return { from, to, step: [spacing, voxel], start: (from - (to * spacing) / voxel) / 2 }
}

function inverse({ from, to, step: [numerator, denominator], start }: Placement): Placement {
  return { from: to, to: from, step: [denominator, numerator], start: (-start * denominator) / numerator }
}

/** The smallest box that contains every value above `threshold`; empty if there is none. */
function extentAbove(values: Float32Array, [height, width, depth]: ImageSize, threshold: number): Box {
  const [low, end] = [
    [height, width, depth],
    [0, 0, 0],
  ] as [ImageSize, ImageSize]
  const widen = (axis: number, place: number): void => {
    if (place < low[axis]!) low[axis] = place
    if (place >= end[axis]!) end[axis] = place + 1
  }
  let at = 0
  for (let h = 0; h < height; h++)
    for (let w = 0; w < width; w++)
      for (let d = 0; d < depth; d++) {
        if (!(values[at++]! > threshold)) continue
        widen(0, h)
        widen(1, w)
        widen(2, d)
      }
  return low.map((first, axis) => [Math.min(first, end[axis]!), end[axis]!]) as unknown as Box
}

import { sizeOf } from '../util/shape.ts'
import type { NumericArray } from './hdf5_file.ts'
import { type Orientation, orientationOf, reorient, restore } from './orientation.ts'
import type { FrameRule } from './preparation.ts'
import { resampleImage, resampleLabels } from './resample.ts'
import type { ScanGrid } from './scan.ts'
import type { ImageSize } from './volumes.ts'

/** The way from a scan's grid to the grid of a model, axes to right, anterior, superior, and back. */
export class Frame {
  /** of the model's grid */
  readonly size: ImageSize
  /** millimetres between the model's voxels along right, anterior, superior */
  readonly spacing: [number, number, number]
  /** where the scan's stored axes run to, e.g. "LSA" */
  readonly orientation: Orientation
  private readonly grid: ScanGrid
  /** of the scan with its axes brought to right, anterior, superior */
  private readonly oriented: ImageSize

  constructor(grid: ScanGrid, rule: FrameRule, size: ImageSize) {
    this.grid = grid
    this.size = size
    this.orientation = orientationOf(grid.affine)
    const { axes } = this.orientation
    this.oriented = axes.map(axis => grid.size[axis]!) as ImageSize
    const fieldOfView = axes.map(axis => grid.size[axis]! * Math.hypot(...grid.affine.map(row => row[axis]!)))
    this.spacing = fieldOfView.map((length, i) => length / size[i]!) as [number, number, number]
    if (rule.kind === 'spacing') throw new Error('frame: constant spacing is not there yet')
  }

  /** One channel of the scan (I, J, K) into `target` (H, W, D), trilinearly. */
  imageToModel(values: NumericArray, target: Float32Array): void {
    const { values: oriented } = reorient(values, this.grid.size, this.orientation)
    resampleImage(oriented, this.oriented, this.size, target)
  }

  /** Labels of the scan's grid (I, J, K) into `target` (H, W, D), nearest. */
  labelsToModel(values: NumericArray, target: NumericArray): void {
    const { values: oriented } = reorient(values, this.grid.size, this.orientation)
    resampleLabels(oriented, this.oriented, this.size, target)
  }

  /** A volume of the model's grid (H, W, D) onto the scan's (I, J, K), trilinearly. */
  imageToScan(values: Float32Array): Float32Array {
    const oriented = new Float32Array(sizeOf(this.oriented))
    resampleImage(values, this.size, this.oriented, oriented)
    return restore(oriented, this.grid.size, this.orientation)
  }
}

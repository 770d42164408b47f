import { keepLargestComponent } from '../data/scan/components.ts'
import type { Frame } from '../data/scan/frame.ts'
import { type Box, intersection, wholeOf } from '../data/scan/resample.ts'
import { type ImageSize, sizeOf } from '../util/shape.ts'

/** Probability above which a voxel belongs to a structure. */
export const VOXEL_THRESHOLD = 0.5
/** Voxels of the scan's grid interpolated at a time. */
const SLAB_VOXELS = 2 ** 20

/**
 * Visits the voxels of a box of the scan. `visit` gets the index in the scan's grid (I, J, K), and the interpolated values of all volumes
 * (H, W, D of the frame) at `values[…][at]`. Works slab by slab, so that no volume of floats of the scan's size is needed.
 */
function visitBox(
  frame: Frame,
  volumes: readonly Float32Array[],
  box: Box,
  visit: (voxel: number, values: readonly Float32Array[], at: number) => void,
): void {
  const [[top, bottom], [left, right], [front, back]] = box
  const area = (right - left) * (back - front)
  const rows = Math.max(1, Math.floor(SLAB_VOXELS / Math.max(1, area)))
  const values = volumes.map(() => new Float32Array(area * Math.min(rows, Math.max(0, bottom - top))))
  const { start, steps } = frame.stored
  for (let first = top; first < bottom; first += rows) {
    const end = Math.min(bottom, first + rows)
    for (const [i, volume] of volumes.entries()) frame.imageToBox(volume, [[first, end], box[1], box[2]], values[i]!)
    let at = 0
    for (let h = first; h < end; h++)
      for (let w = left; w < right; w++) {
        const line = start + h * steps[0] + w * steps[1]
        for (let d = front; d < back; d++) visit(line + d * steps[2], values, at++)
      }
  }
}

/** Resamples a volume from the frame's grid to the scan's, into `target` (I, J, K). */
export function ontoScan(frame: Frame, volume: Float32Array, target: Float32Array): void {
  visitBox(frame, [volume], wholeOf(frame.oriented), (voxel, [values], at) => {
    target[voxel] = values![at]!
  })
}

export interface MaskRule {
  /** structures with a higher presence probability get a mask */
  presenceThreshold: number
  isLargestComponent: boolean
}

export interface MaskRequest extends Pick<MaskRule, 'isLargestComponent'> {
  frame: Frame
  /** of the scan's grid */
  size: ImageSize
  /** voxel probabilities on the frame's grid */
  volume: () => Float32Array
  isPresent: boolean
}

/** Makes the mask of a structure on the scan's grid: [p > 0.5] if it is present, else empty. Returns the number of its voxels. */
export function makeMask(
  { frame, size, volume, isPresent, isLargestComponent }: MaskRequest,
  mask: Uint8Array,
): number {
  mask.fill(0)
  if (!isPresent) return 0
  const probabilities = volume()
  let voxels = 0
  visitBox(frame, [probabilities], frame.boxAbove(probabilities, VOXEL_THRESHOLD), (voxel, [values], at) => {
    if (!(values![at]! > VOXEL_THRESHOLD)) return
    mask[voxel] = 1
    voxels++
  })
  return isLargestComponent && voxels > 0 ? keepLargestComponent(mask, size) : voxels
}

/**
 * A label volume from masks that may overlap. Structure s has label s + 1, background 0. Where masks overlap, the structure with the highest
 * probability wins, or the first of equals.
 */
export class LabelVolume {
  readonly labels: Uint8Array // (I, J, K)
  private readonly frame: Frame
  private readonly volumeOf: (s: number) => Float32Array

  constructor(frame: Frame, size: ImageSize, volumeOf: (s: number) => Float32Array) {
    this.labels = new Uint8Array(sizeOf(size))
    this.frame = frame
    this.volumeOf = volumeOf
  }

  /** Adds the mask of structure s. Call in the order of structures. */
  add(s: number, mask: Uint8Array): void {
    const { labels } = this
    const others = new Set<number>()
    for (let v = 0; v < mask.length; v++) {
      if (mask[v] === 0) continue
      if (labels[v] === 0) labels[v] = s + 1
      else others.add(labels[v]! - 1)
    }
    for (const other of others) this.settle(s, other, mask)
  }

  /** Decides the voxels of `other` that are in the mask of `s` too. */
  private settle(s: number, other: number, mask: Uint8Array): void {
    const { labels, frame } = this
    const volumes = [this.volumeOf(s), this.volumeOf(other)] as const
    const [own, others] = volumes.map(volume => frame.boxAbove(volume, VOXEL_THRESHOLD)) as [Box, Box]
    visitBox(frame, volumes, intersection(own, others), (voxel, values, at) => {
      const isBoth = mask[voxel] === 1 && labels[voxel] === other + 1
      if (isBoth && values[0]![at]! > values[1]![at]!) labels[voxel] = s + 1
    })
  }
}

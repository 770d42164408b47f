import { quantile } from '../util/statistics.ts'
import { type BoxSize, DistanceTransform, type Spacing } from './distance_transform.ts'

/** Distances between the surfaces of two masks, in the unit of the spacing. */
export interface SurfaceDistances {
  /** the larger of the 95th percentiles of both directions */
  hd95: number
  /** mean over the surface voxels of both masks */
  mean: number
}

/** A part of a volume. */
interface Box {
  from: BoxSize
  size: BoxSize
}

/**
 * Distances between the surfaces of two masks, as in MONAI 1.6 without subvoxels: `compute_hausdorff_distance` with percentile 95 and
 * `compute_average_surface_distance` with symmetric=True. The surface of a mask is its voxels with at least one of six neighbours outside
 * the mask; outside the volume counts as outside. Distances are Euclidean, to the nearest surface voxel of the other mask. Percentiles
 * interpolate linearly. Works in the bounding box of both masks and reuses its memory.
 */
export class SurfaceMeter {
  private readonly transform = new DistanceTransform()
  private squared = new Float64Array(0)

  /** Masks are bits (V/32) of a volume (H, W, D); bit j of word i is voxel 32·i + j. null if one of them is empty. */
  measure(truth: Uint32Array, predicted: Uint32Array, size: BoxSize, spacing: Spacing): SurfaceDistances | null {
    if (isEmpty(truth) || isEmpty(predicted)) return null
    const box = boxAround(truth, predicted, size)
    const [first, second] = [surfaceIn(truth, size, box), surfaceIn(predicted, size, box)]
    const toFirst = this.distances(second, first, box.size, spacing)
    const toSecond = this.distances(first, second, box.size, spacing)
    const sum = toFirst.reduce((a, b) => a + b, 0) + toSecond.reduce((a, b) => a + b, 0)
    return {
      hd95: Math.max(quantile(toFirst.sort(), 0.95), quantile(toSecond.sort(), 0.95)),
      mean: sum / (toFirst.length + toSecond.length),
    }
  }

  /** From every voxel of one surface to the nearest of the other, in the order of voxels. */
  private distances(from: Uint8Array, to: Uint8Array, size: BoxSize, spacing: Spacing): Float64Array {
    if (this.squared.length < to.length) this.squared = new Float64Array(to.length)
    this.transform.run({ set: to, wanted: from, size, spacing }, this.squared)
    const found = new Float64Array(from.reduce((count, value) => count + value, 0))
    let count = 0
    for (let v = 0; v < from.length; v++) if (from[v]) found[count++] = Math.sqrt(this.squared[v]!)
    return found
  }
}

function isEmpty(bits: Uint32Array): boolean {
  return bits.every(word => word === 0)
}

/** The bounding box of both masks. */
function boxAround(a: Uint32Array, b: Uint32Array, [height, width, depth]: BoxSize): Box {
  const low = [height, width, depth]
  const high = [-1, -1, -1]
  for (let i = 0; i < a.length; i++) {
    for (let word = a[i]! | b[i]!; word !== 0; word &= word - 1) {
      const voxel = 32 * i + 31 - Math.clz32(word & -word)
      const line = Math.floor(voxel / depth)
      const at = [Math.floor(line / width), line % width, voxel % depth]
      for (let axis = 0; axis < 3; axis++) {
        if (at[axis]! < low[axis]!) low[axis] = at[axis]!
        if (at[axis]! > high[axis]!) high[axis] = at[axis]!
      }
    }
  }
  const size = high.map((last, axis) => last - low[axis]! + 1)
  return { from: low as unknown as BoxSize, size: size as unknown as BoxSize }
}

/** 1 at the voxels of the mask with a neighbour outside it. */
function surfaceIn(bits: Uint32Array, [, width, depth]: BoxSize, { from, size }: Box): Uint8Array {
  const [rows, columns, slices] = size
  const inside = new Uint8Array(rows * columns * slices)
  let at = 0
  for (let h = from[0]; h < from[0] + rows; h++)
    for (let w = from[1]; w < from[1] + columns; w++) {
      const line = (h * width + w) * depth + from[2]
      for (let voxel = line; voxel < line + slices; voxel++) inside[at++] = (bits[voxel >>> 5]! >>> (voxel & 31)) & 1
    }
  return edgesOf(inside, size)
}

/** Outside the box counts as outside: the mask has no voxels there. */
function edgesOf(inside: Uint8Array, [rows, columns, slices]: BoxSize): Uint8Array {
  const plane = columns * slices
  const edges = new Uint8Array(inside.length)
  let at = 0
  for (let h = 0; h < rows; h++)
    for (let w = 0; w < columns; w++)
      for (let d = 0; d < slices; d++, at++) {
        if (!inside[at]) continue
        const isWithin = h > 0 && h < rows - 1 && w > 0 && w < columns - 1 && d > 0 && d < slices - 1
        const isInner =
          isWithin &&
          inside[at - plane]! + inside[at + plane]! === 2 &&
          inside[at - slices]! + inside[at + slices]! === 2 &&
          inside[at - 1]! + inside[at + 1]! === 2
        edges[at] = Number(!isInner)
      }
  return edges
}

/** Voxels along (H, W, D), D fastest. */
export type BoxSize = readonly [number, number, number]
/** Distance between neighbouring voxels along (H, W, D). */
export type Spacing = readonly [number, number, number]

export interface DistanceRequest {
  set: Uint8Array // (H, W, D), 1 where the distance is 0
  wanted: Uint8Array // (H, W, D), 1 where the distance is needed
  size: BoxSize
  spacing: Spacing
}

/** A line of voxels along one axis. */
interface Axis {
  length: number
  /** between neighbours in the array */
  stride: number
  /** between neighbours in space */
  spacing: number
}

/**
 * Exact squared Euclidean distance to the nearest set voxel, one axis after the other. Along each axis it is the lower envelope of parabolas
 * (Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled Functions", Theory of Computing 8, 2012), here with a spacing for each
 * axis. Infinity if no voxel is set. Reuses its scratch memory.
 */
export class DistanceTransform {
  private readonly line = new GrowingLine()

  /** Writes `squared` (H, W, D) where `wanted` is 1; other values are meaningless. */
  run({ set, wanted, size, spacing }: DistanceRequest, squared: Float64Array): void {
    const [height, width, depth] = size
    const plane = width * depth
    const rows: Axis = { length: height, stride: plane, spacing: spacing[0] }
    const columns: Axis = { length: width, stride: depth, spacing: spacing[1] }
    const slices: Axis = { length: depth, stride: 1, spacing: spacing[2] }
    this.line.reserve(Math.max(height, width))
    for (let start = 0; start < height * plane; start += plane) {
      const end = start + plane
      if (scanPlane(set.subarray(start, end), squared.subarray(start, end), slices))
        for (let d = 0; d < depth; d++) this.line.run(squared, start + d, columns)
    }
    const isWanted = projected(wanted, plane)
    for (let at = 0; at < plane; at++) if (isWanted[at]) this.line.run(squared, at, rows)
  }
}

/** Projects along H: 1 where any plane has a 1. */
function projected(values: Uint8Array, plane: number): Uint8Array {
  const found = new Uint8Array(plane)
  for (let v = 0, at = 0; v < values.length; v++) {
    found[at]! |= values[v]!
    if (++at === plane) at = 0
  }
  return found
}

/** Squared distances along the fastest axis of a plane. Returns whether any voxel is set. */
function scanPlane(set: Uint8Array, squared: Float64Array, axis: Axis): boolean {
  const isAnySet = set.includes(1)
  if (!isAnySet) squared.fill(Number.POSITIVE_INFINITY)
  else for (let at = 0; at < set.length; at += axis.length) scanLine(set, squared, at, axis)
  return isAnySet
}

/** Along the fastest axis values are 0 or infinite, so two scans suffice: the distance to the last set voxel, then to the next. */
function scanLine(set: Uint8Array, squared: Float64Array, start: number, { length, spacing }: Axis): void {
  let distance = Number.POSITIVE_INFINITY
  for (let i = start; i < start + length; i++) {
    distance = set[i] ? 0 : distance + spacing
    squared[i] = distance
  }
  distance = Number.POSITIVE_INFINITY
  for (let i = start + length - 1; i >= start; i--) {
    distance = set[i] ? 0 : distance + spacing
    const nearest = Math.min(distance, squared[i]!)
    squared[i] = nearest * nearest
  }
}

/** Replaces f along a line with min over j of (spacing · (i − j))² + f(j). */
class GrowingLine {
  private values = new Float64Array(0) // a copy of f, because the line is overwritten
  private roots = new Int32Array(0) // minima of the envelope's parabolas, ascending
  private starts = new Float64Array(0) // where each becomes the lowest

  reserve(length: number): void {
    if (this.values.length >= length) return
    this.values = new Float64Array(length)
    this.roots = new Int32Array(length)
    this.starts = new Float64Array(length)
  }

  run(line: Float64Array, start: number, { length, stride, spacing }: Axis): void {
    const { values, roots, starts } = this
    const square = spacing * spacing
    let last = -1 // the envelope's last parabola
    for (let j = 0; j < length; j++) {
      const value = line[start + j * stride]!
      values[j] = value
      if (value === Number.POSITIVE_INFINITY) continue
      let from = Number.NEGATIVE_INFINITY
      for (; last >= 0; last--) {
        const root = roots[last]!
        // the two parabolas intersect here
        from = ((value - values[root]!) / square + (j - root) * (j + root)) / (2 * (j - root))
        if (from > starts[last]!) break
        from = Number.NEGATIVE_INFINITY
      }
      last++
      roots[last] = j
      starts[last] = from
    }
    if (last < 0) return
    for (let i = 0, k = 0; i < length; i++) {
      while (k < last && starts[k + 1]! < i) k++
      const away = i - roots[k]!
      line[start + i * stride] = square * away * away + values[roots[k]!]!
    }
  }
}

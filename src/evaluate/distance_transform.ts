/** Voxels along (H, W, D), D fastest. */
export type BoxSize = readonly [number, number, number]
/** Distance of neighbouring voxels along (H, W, D). */
export type Spacing = readonly [number, number, number]

/**
 * Squared Euclidean distance to the nearest set voxel, exact: one axis after the other, along each the lower envelope of parabolas
 * (Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled Functions", Theory of Computing 8, 2012), here with a spacing of its
 * own for each axis. Infinity where nothing is set. Scratch memory is kept from call to call.
 */
export class DistanceTransform {
  private readonly line = new GrowingLine()

  /** Writes `squared` where `wanted` is 1; what stands elsewhere means nothing. All are (H, W, D); `set` is 1 where distance is 0. */
  run(set: Uint8Array, wanted: Uint8Array, size: BoxSize, spacing: Spacing, squared: Float64Array): void {
    const [height, width, depth] = size
    const plane = width * depth
    this.line.reserve(Math.max(height, width))
    for (let start = 0; start < height * plane; start += plane)
      if (scanPlane(set, squared, start, plane, depth, spacing[2]))
        for (let d = 0; d < depth; d++) this.line.run(squared, start + d, width, depth, spacing[1])
    const isWanted = projected(wanted, plane)
    for (let at = 0; at < plane; at++) if (isWanted[at]) this.line.run(squared, at, height, plane, spacing[0])
  }
}

/** 1 where a plane of any height has one. */
function projected(values: Uint8Array, plane: number): Uint8Array {
  const found = new Uint8Array(plane)
  for (let v = 0, at = 0; v < values.length; v++) {
    found[at]! |= values[v]!
    if (++at === plane) at = 0
  }
  return found
}

/** Distances along the fastest axis; whether anything is set in this plane. */
function scanPlane(
  set: Uint8Array,
  squared: Float64Array,
  start: number,
  plane: number,
  depth: number,
  spacing: number,
): boolean {
  const isAnySet = set.subarray(start, start + plane).includes(1)
  if (!isAnySet) squared.fill(Number.POSITIVE_INFINITY, start, start + plane)
  else for (let at = start; at < start + plane; at += depth) scanLine(set, squared, at, depth, spacing)
  return isAnySet
}

/** Along the fastest axis, where values are 0 or infinite, two scans do: distance to the last one set, then to the next. */
function scanLine(set: Uint8Array, squared: Float64Array, start: number, length: number, spacing: number): void {
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

/** Replaces f along a line by min over j of (spacing · (i − j))² + f(j). */
class GrowingLine {
  private values = new Float64Array(0) // f, copied: the line is overwritten
  private roots = new Int32Array(0) // where the parabolas of the envelope have their lowest points, ascending
  private starts = new Float64Array(0) // from where on each is the lowest

  reserve(length: number): void {
    if (this.values.length >= length) return
    this.values = new Float64Array(length)
    this.roots = new Int32Array(length)
    this.starts = new Float64Array(length)
  }

  run(line: Float64Array, start: number, length: number, stride: number, spacing: number): void {
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
        // the two parabolas are as high as each other here
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

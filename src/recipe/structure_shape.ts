import type { NumericArray } from '../data/hdf5/file.ts'
import type { ImageSize } from '../util/shape.ts'

/** Where a structure is in a volume, and how much of it there is. */
export interface StructureShape {
  voxels: number
  /** boundaries between a voxel inside and one outside, across each axis; those at the edge of the volume do not count */
  faces: [number, number, number]
  /** the box around it: first voxel, and the one behind the last */
  low: ImageSize
  end: ImageSize
}

export function emptyShape(): StructureShape {
  const none = Number.POSITIVE_INFINITY
  return { voxels: 0, faces: [0, 0, 0], low: [none, none, none], end: [0, 0, 0] }
}

/**
 * Adds a labelled volume (H, W, D) to the shapes of its structures. `marked` gives the structures that a label value marks, by number.
 * Sets `labelled` to 1 where any structure is.
 */
export function addShapes(
  values: NumericArray,
  [height, width, depth]: ImageSize,
  marked: ReadonlyMap<number, readonly number[]>,
  shapes: readonly StructureShape[],
  labelled: Uint8Array,
): void {
  const steps = [width * depth, depth, 1] as const
  const lengths = [height, width, depth]
  const none: readonly number[] = []
  const of = (value: number): readonly number[] => (value === 0 ? none : (marked.get(value) ?? none))
  let at = 0
  for (let h = 0; h < height; h++)
    for (let w = 0; w < width; w++)
      for (let d = 0; d < depth; d++, at++) {
        const value = values[at]!
        const inside = of(value)
        const place = [h, w, d]
        for (const s of inside) widen(shapes[s]!, place)
        if (inside.length > 0) labelled[at] = 1
        for (let axis = 0; axis < 3; axis++) {
          if (place[axis]! + 1 === lengths[axis]) continue
          const next = values[at + steps[axis]!]!
          if (next !== value) addFaces(inside, of(next), axis, shapes)
        }
      }
}

function widen(shape: StructureShape, place: readonly number[]): void {
  shape.voxels++
  for (let axis = 0; axis < 3; axis++) {
    if (place[axis]! < shape.low[axis]!) shape.low[axis] = place[axis]!
    if (place[axis]! >= shape.end[axis]!) shape.end[axis] = place[axis]! + 1
  }
}

function addFaces(
  here: readonly number[],
  there: readonly number[],
  axis: number,
  shapes: readonly StructureShape[],
): void {
  for (const s of here) if (!there.includes(s)) shapes[s]!.faces[axis]!++
  for (const s of there) if (!here.includes(s)) shapes[s]!.faces[axis]!++
}

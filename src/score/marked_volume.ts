import type { NumericArray } from '../data/hdf5/file.ts'
import { readLabel, readMask } from '../data/import/labels.ts'
import type { LabelFiles } from '../data/import/pairs.ts'
import type { LabelledStructure } from '../data/import/structures.ts'
import type { PlacedGrid } from '../data/scan/same_grid.ts'
import { stepsOf } from '../data/scan/spacing.ts'
import { readVolumeGrid } from '../data/scan/volume/volume.ts'
import { InputError } from '../util/error.ts'

/** A label map, or a folder of masks, as one mask per structure on its own grid. */
export interface MarkedVolume {
  grid: PlacedGrid
  /** (I, J, K), 1 in the structure; undefined if there is no mask file for it. Throws InputError if nothing says how a label map marks it. */
  maskOf(structure: LabelledStructure): Uint8Array | undefined
  /** (I, J, K), 1 where the label map has this value; undefined if it is nowhere */
  voxelsOf(value: number): Uint8Array | undefined
}

/** Reads a label map whole, and of a folder one mask at a time. */
export function openMarked(label: LabelFiles): MarkedVolume {
  return label.kind === 'volume' ? ofVolume(label.path) : ofFolder(label)
}

function ofVolume(path: string): MarkedVolume {
  const scan = readLabel(path)
  const { values, size, affine, labelNames = new Map<number, string>() } = scan
  const marksOf = ({ name, marks }: LabelledStructure): number[] => {
    const numbers = marks.filter(mark => typeof mark === 'number')
    const named = [...labelNames].filter(([, each]) => each === name).map(([value]) => value)
    const found = numbers.length > 0 ? numbers : named
    if (found.length === 0)
      throw new InputError(`${path}: is a label map and names no value '${name}', expected --structures ${name}=value`)
    return found
  }
  return {
    grid: { path, size, affine },
    maskOf: structure => maskWhere(values, new Set(marksOf(structure))),
    voxelsOf: value => (values.includes(value as never) ? maskWhere(values, new Set([value])) : undefined),
  }
}

function ofFolder({ path, files }: LabelFiles & { kind: 'folder' }): MarkedVolume {
  const [first] = files.values()
  const { size, affine } = readVolumeGrid(first!)
  const grid = { path: first!, size, affine }
  const maskOf = ({ name, marks }: LabelledStructure): Uint8Array | undefined => {
    const marked = marks.map(String).filter(mark => files.has(mark))
    const names = marked.length > 0 ? marked : files.has(name) ? [name] : []
    let mask: Uint8Array | undefined
    for (const each of names) {
      const scan = readMask(files.get(each)!)
      checkSameSpace(scan, grid)
      mask ??= new Uint8Array(scan.values.length)
      for (let v = 0; v < mask.length; v++) if (scan.values[v] !== 0) mask[v] = 1
    }
    return mask
  }
  return { grid: { ...grid, path }, maskOf, voxelsOf: () => undefined }
}

function maskWhere(values: NumericArray, marks: ReadonlySet<number>): Uint8Array {
  const mask = new Uint8Array(values.length)
  let last: number | bigint | undefined // neighbours are mostly equal
  let isMarked = 0
  for (let v = 0; v < mask.length; v++) {
    const value = values[v]!
    if (value !== last) {
      last = value
      isMarked = Number(marks.has(Number(value)))
    }
    mask[v] = isMarked
  }
  return mask
}

const TOLERANCE = 0.1 // of the smallest voxel spacing: more than float32 headers of one grid differ

/** Throws InputError unless both have the same voxels in the same order: nothing is resampled in order to compare it. */
export function checkSameSpace(own: PlacedGrid, other: PlacedGrid): void {
  const [ownSize, otherSize] = [own, other].map(({ size }) => size.join('×'))
  if (ownSize !== otherSize)
    throw new InputError(`${own.path}: has ${ownSize} voxels, ${other.path} has ${otherSize}; expected the same grid`)
  const corners = [[0, 0, 0], ...[0, 1, 2].map(axis => own.size.map((length, i) => (i === axis ? length - 1 : 0)))]
  const apart = corners.map(corner =>
    Math.hypot(
      ...own.affine.map((row, r) =>
        [...corner, 1].reduce((sum, at, i) => sum + (row[i]! - other.affine[r]![i]!) * at, 0),
      ),
    ),
  )
  if (Math.max(...apart) > TOLERANCE * Math.min(...stepsOf(other.affine)))
    throw new InputError(
      `${own.path}: its voxels lie up to ${Math.max(...apart).toFixed(1)} mm from those of ${other.path} (their affines differ); expected the same grid`,
    )
}

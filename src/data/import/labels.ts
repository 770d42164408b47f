import { InputError } from '../../util/error.ts'
import { listed } from '../../util/listing.ts'
import { sizeOf } from '../../util/shape.ts'
import type { Frame } from '../scan/frame.ts'
import type { LabelNames } from '../scan/nifti/label_table.ts'
import { readScan } from '../scan/read_scan.ts'
import { checkSameGrid, type PlacedGrid } from '../scan/same_grid.ts'
import type { Scan, ScanGrid } from '../scan/scan.ts'
import type { ScanWarning } from '../scan/scan_warnings.ts'
import type { LabelFiles } from './pairs.ts'
import type { LabelledStructure } from './structures.ts'

const WHOLE_TOLERANCE = 1e-3 // deviation from an integer that a scale factor in the header may cause

/** The content of a label: the values (or files) that mark any voxel, and its grid. */
export interface LabelContent {
  occurring: ReadonlySet<number | string>
  grid: PlacedGrid
  warnings: ScanWarning[]
  /** names of the values, from a table in the label's own header */
  names?: LabelNames
}

/** Reads a label map. Throws InputError if it is not one. */
export function readLabel(path: string): Scan {
  const scan = readScan(path)
  if (scan.channels !== 1) throw new InputError(`${path}: has ${scan.channels} channels, expected one volume of labels`)
  const { values } = scan
  for (let v = 0; v < values.length; v++) {
    const value = values[v]!
    if (Number.isSafeInteger(value)) continue
    const whole = Math.round(value)
    if (!(Math.abs(value - whole) <= WHOLE_TOLERANCE) || !Number.isSafeInteger(whole))
      throw new InputError(`${path}: label ${value} is not an integer`)
    values[v] = whole
  }
  return scan
}

/** Reads a mask of one structure. Throws InputError if it has several values other than 0. */
export function readMask(path: string): Scan {
  const scan = readLabel(path)
  const values = [...valuesOf(scan)]
  if (values.length > 1)
    throw new InputError(`${path}: holds the labels ${listed(values.map(String))}, expected a mask of one structure`)
  return scan
}

/** The labels other than 0. */
export function valuesOf({ values }: Scan): Set<number> {
  const found = new Set<number>()
  let last = 0 // neighbours are mostly equal
  for (let v = 0; v < values.length; v++) {
    const value = values[v]!
    if (value === last) continue
    last = value
    if (value !== 0) found.add(value)
  }
  return found
}

/** Surveys a label. Throws InputError with the file that is not a label or whose grid differs from the others. */
export function surveyLabel(label: LabelFiles): LabelContent {
  if (label.kind === 'volume') {
    const scan = readLabel(label.path)
    const { labelNames: names } = scan
    return { occurring: valuesOf(scan), grid: gridOf(scan), warnings: warningsOf(scan), ...(names && { names }) }
  }
  const occurring = new Set<string>()
  const warnings: ScanWarning[] = []
  let grid: PlacedGrid | undefined
  for (const [name, path] of label.files) {
    const scan = readMask(path)
    if (grid) checkSameGrid(scan, grid)
    grid ??= gridOf(scan)
    warnings.push(...warningsOf(scan))
    if (valuesOf(scan).size > 0) occurring.add(name)
  }
  return { occurring, grid: grid!, warnings }
}

/** Masks on a model's grid, and the number of labelled scan voxels outside it. */
export interface PlacedLabels {
  masks: Uint8Array // (S, H, W, D)
  /** 1 for voxels that were not annotated; undefined if all were */
  ignored: Uint8Array | undefined // (H, W, D)
  cutOff: number
}

export interface LabelPlacing {
  frameOf: (grid: ScanGrid) => Frame
  /** the dataset's structures as this source marks them; undefined if it does not annotate them */
  structures: readonly (LabelledStructure | undefined)[]
  ignoredValue: number | undefined
}

/**
 * Resamples a label to a model's grid (nearest-neighbour). A structure that would vanish, because it is smaller than the model's voxels, keeps
 * the voxels that contain it. For a folder of masks, one file is in memory at a time.
 */
export function placeLabel(label: LabelFiles, placing: LabelPlacing): PlacedLabels {
  return label.kind === 'volume' ? placeVolume(readLabel(label.path), placing) : placeFolder(label, placing)
}

function placeVolume(scan: Scan, { frameOf, structures, ignoredValue }: LabelPlacing): PlacedLabels {
  const frame = frameOf(scan)
  const voxels = sizeOf(frame.size)
  const placed = new Float64Array(voxels)
  frame.labelsToModel(scan.values, placed)
  const masks = new Uint8Array(structures.length * voxels)
  const occurring = valuesOf(scan)
  const wanted = new Set<unknown>(structures.flatMap(structure => structure?.marks ?? []))
  for (const [s, structure] of structures.entries()) {
    const marks = new Set<unknown>(structure?.marks.filter(mark => occurring.has(mark as number)))
    if (marks.size === 0) continue
    const mask = masks.subarray(s * voxels, (s + 1) * voxels)
    for (let v = 0; v < voxels; v++) if (placed[v] !== 0 && marks.has(placed[v])) mask[v] = 1
    if (!mask.includes(1)) frame.markInModel(scan.values, value => marks.has(value), mask)
  }
  const isIgnored = ignoredValue !== undefined && occurring.has(ignoredValue)
  const ignored = isIgnored ? Uint8Array.from(placed, value => Number(value === ignoredValue)) : undefined
  return { masks, ignored, cutOff: frame.countOutside(scan.values, value => wanted.has(value)) }
}

function placeFolder(label: LabelFiles & { kind: 'folder' }, { frameOf, structures }: LabelPlacing): PlacedLabels {
  let masks: Uint8Array | undefined
  let cutOff = 0
  for (const [s, structure] of structures.entries())
    for (const mark of structure?.marks ?? []) {
      const path = label.files.get(String(mark))
      if (path === undefined) continue
      const scan = readMask(path)
      const frame = frameOf(scan)
      const voxels = sizeOf(frame.size)
      masks ??= new Uint8Array(structures.length * voxels)
      const isMarked = (value: number): boolean => value !== 0
      const placed = new Uint8Array(voxels)
      frame.labelsToModel(
        Uint8Array.from(scan.values, value => Number(isMarked(value))),
        placed,
      )
      if (!placed.includes(1)) frame.markInModel(scan.values, isMarked, placed)
      for (let v = 0; v < voxels; v++) if (placed[v]) masks[s * voxels + v] = 1
      cutOff += frame.countOutside(scan.values, isMarked)
    }
  if (!masks) throw new InputError(`${label.path}: holds no mask of a known structure`)
  return { masks, ignored: undefined, cutOff }
}

function warningsOf({ path, warnings }: Scan): ScanWarning[] {
  return warnings.map(text => ({ path, text }))
}

function gridOf({ path, size, affine }: PlacedGrid): PlacedGrid {
  return { path, size, affine }
}

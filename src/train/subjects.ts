import type { DicomSource } from '../data/dicom_source.ts'
import { Frame, sizeAtSpacing } from '../data/frame.ts'
import { Hdf5File, type NumericArray } from '../data/hdf5_file.ts'
import { ImageReader } from '../data/image_reader.ts'
import { applyIntensity } from '../data/intensity.ts'
import type { Affine } from '../data/nifti.ts'
import type { FrameRule, Preparation } from '../data/preparation.ts'
import { readScan, type Scan, type ScanGrid } from '../data/scan.ts'
import type { ScanGroup } from '../data/scan_groups.ts'
import { type ImageSize, imagesOf } from '../data/volumes.ts'
import { InputError } from '../util/error.ts'
import { sizeOf } from '../util/shape.ts'

const SAME_PLACE = 0.5 // voxels that channels of a scan may lie apart

/** A scan or a stored sample, without its voxels. */
export interface SubjectPlace {
  /** empty where nothing names it */
  name: string
  /** between the grid that its masks belong on and the one it is predicted on */
  frame: Frame
  /** of the masks */
  grid: ScanGrid
  /** of a voxel of `grid`; undefined where nothing says how large it is */
  millilitres: number | undefined
  /** of a DICOM series */
  dicom?: DicomSource
}

export interface Subject extends SubjectPlace {
  volume: Float32Array // (C, H, W, D) on the frame's grid, intensities 0..255
}

/** What is predicted, one after another. */
export interface Subjects {
  count: number
  /** of HDF5: the grid of all samples */
  imageSize?: ImageSize
  /** Throws InputError naming file and reason. */
  read(index: number): Subject
  close(): void
}

/** The grid that a model reads. */
export interface ModelGrid {
  path: string
  channels: number
  size: ImageSize
  /** the whole scan on the model's voxels, in windows of `size`; else one volume of `size` */
  isSlidOver: boolean
}

/** The dataset `images` of an HDF5 file, taken as already prepared. Throws InputError when it is none or has other channels. */
export async function hdf5Subjects(path: string, model: ModelGrid): Promise<Subjects> {
  const file = await Hdf5File.open(path)
  try {
    const { samples, channels, imageSize } = imagesOf(file)
    if (channels !== model.channels)
      throw new InputError(`${path}: images have ${channels} channels, ${model.path} reads ${model.channels}`)
    const reader = new ImageReader(file, imageSize)
    const grid: ScanGrid = { size: imageSize, affine: VOXELS }
    const rule: FrameRule = model.isSlidOver ? { kind: 'spacing', spacing_mm: [1, 1, 1] } : { kind: 'field_of_view' }
    const frame = new Frame(grid, rule, gridFor(grid, rule, model))
    const about = namesAndSpacings(file, samples)
    const stored = new Float32Array(channels * sizeOf(imageSize))
    const read = (index: number): Subject => {
      reader.read(index, stored)
      return { ...about[index]!, frame, grid, volume: onFrame(frame, channels, c => channelOf(stored, channels, c)) }
    }
    return { count: samples, imageSize, read, close: () => file.close() }
  } catch (error) {
    file.close()
    throw error
  }
}

/** The affine of a grid that lies nowhere. */
const VOXELS: Affine = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
]

function namesAndSpacings(file: Hdf5File, samples: number): Pick<Subject, 'name' | 'millilitres'>[] {
  const names = file.has('subjects') ? file.readStrings(file.dataset('subjects')) : []
  const spacing = file.has('voxel_spacing') ? file.dataset('voxel_spacing') : undefined
  const millimetres = spacing && spacing.shape.join() === `${samples},3` ? file.read(spacing, 0, samples) : undefined
  return Array.from({ length: samples }, (_, n) => ({
    name: names[n] ?? '',
    millilitres: millimetres && (millimetres[3 * n]! * millimetres[3 * n + 1]! * millimetres[3 * n + 2]!) / 1000,
  }))
}

/**
 * Scans, each brought to the model's frame as `preparation` says. How much of a scan lies outside that frame goes to
 * `say`; `series` chooses one of a DICOM folder.
 */
export function scanSubjects(
  groups: readonly ScanGroup[],
  preparation: Preparation,
  model: ModelGrid,
  { series, say }: { series?: string | undefined; say(line: string): void },
): Subjects {
  const read = (index: number): Subject => {
    const { name, paths } = groups[index]!
    const scans = paths.map(path => readScan(path, { series }))
    checkChannels(scans, model)
    const { size, affine, geometry, dicom } = scans[0]!
    const grid: ScanGrid = { size, affine, ...(geometry && { geometry }) }
    const frame = new Frame(grid, preparation.frame, gridFor(grid, preparation.frame, model))
    tellOfCrop(paths[0]!, frame, say)
    const channels = scans.flatMap(({ values, channels: count, path }) =>
      Array.from({ length: count }, (_, c) => ({ path, values: channelOf(values, count, c) })),
    )
    const volume = onFrame(frame, channels.length, c => {
      const { values, path } = channels[c]!
      return applyIntensity(values, preparation.intensity[c]!, path).values
    })
    const place = { name, frame, grid, millilitres: Math.abs(determinantOf(affine)) / 1000, ...(dicom && { dicom }) }
    return { ...place, volume }
  }
  return { count: groups.length, read, close: () => undefined }
}

/** The grid to predict on: the model's, or for windows the whole scan at the rule's spacing, a window at least. */
function gridFor(grid: ScanGrid, rule: FrameRule, { size, isSlidOver }: ModelGrid): ImageSize {
  if (!isSlidOver || rule.kind !== 'spacing') return size
  return sizeAtSpacing(grid, rule.spacing_mm).map((length, axis) => Math.max(length, size[axis]!)) as ImageSize
}

function onFrame(frame: Frame, channels: number, valuesOf: (channel: number) => NumericArray): Float32Array {
  const voxels = sizeOf(frame.size)
  const volume = new Float32Array(channels * voxels)
  for (let c = 0; c < channels; c++) frame.imageToModel(valuesOf(c), volume.subarray(c * voxels, (c + 1) * voxels))
  return volume
}

function channelOf<T extends NumericArray>(values: T, channels: number, c: number): T {
  const voxels = values.length / channels
  return values.subarray(c * voxels, (c + 1) * voxels) as T
}

function checkChannels(scans: readonly Scan[], { path, channels }: ModelGrid): void {
  const first = scans[0]!
  const found = scans.reduce((sum, scan) => sum + scan.channels, 0)
  if (found !== channels) throw new InputError(`${first.path}: has ${found} channels, ${path} reads ${channels}`)
  for (const scan of scans) {
    if (scan.size.join() !== first.size.join())
      throw new InputError(`${scan.path}: is ${scan.size.join('×')}, ${first.path} is ${first.size.join('×')}`)
    if (apart(scan, first) > SAME_PLACE)
      throw new InputError(`${scan.path}: lies elsewhere than ${first.path} (their affines differ)`)
  }
}

/** The largest distance between the corners of two grids of one size, in voxels of the second. */
function apart({ affine }: ScanGrid, { affine: other, size: [width, height, depth] }: ScanGrid): number {
  const corners = [
    [0, 0, 0, 1],
    [width, 0, 0, 1],
    [0, height, 0, 1],
    [0, 0, depth, 1],
  ]
  const voxel = Math.min(...[0, 1, 2].map(axis => Math.hypot(...other.map(row => row[axis]!))))
  const distances = corners.map(corner =>
    Math.hypot(...affine.map((row, r) => row.reduce((sum, value, i) => sum + (value - other[r]![i]!) * corner[i]!, 0))),
  )
  return Math.max(...distances) / voxel
}

function determinantOf([a, b, c]: Affine): number {
  return (
    a[0]! * (b[1]! * c[2]! - b[2]! * c[1]!) -
    a[1]! * (b[0]! * c[2]! - b[2]! * c[0]!) +
    a[2]! * (b[0]! * c[1]! - b[1]! * c[0]!)
  )
}

function tellOfCrop(path: string, { reach, oriented }: Frame, say: (line: string) => void): void {
  const share = sizeOf(reach.map(([first, end]) => end - first)) / sizeOf(oriented)
  if (share < 1)
    say(
      `${path}: ${Math.ceil(100 * (1 - share))} % of its voxels lie outside the model's frame; nothing is predicted there`,
    )
}

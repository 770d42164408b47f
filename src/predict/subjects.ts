import { readSpacing, readTexts } from '../data/dataset/dataset.ts'
import { ImageReader } from '../data/dataset/image_reader.ts'
import type { Split } from '../data/dataset/split.ts'
import { imagesOf } from '../data/dataset/volumes.ts'
import { Hdf5File } from '../data/hdf5/file.ts'
import { channelsOf } from '../data/scan/channels.ts'
import type { DicomSource } from '../data/scan/dicom/source.ts'
import { Frame, sizeToCut } from '../data/scan/frame.ts'
import type { Affine } from '../data/scan/grid.ts'
import { applyIntensity, type IntensityScale } from '../data/scan/intensity.ts'
import type { FrameRule, Preparation } from '../data/scan/preparation.ts'
import type { Scan, ScanGrid } from '../data/scan/scan.ts'
import { scanDifferences } from '../data/scan/scan_differences.ts'
import type { ScanGroup } from '../data/scan/scan_groups.ts'
import { rangesOf, robustIntensities, type ScanRanges } from '../data/scan/scan_ranges.ts'
import { voxelVolume } from '../data/scan/spacing.ts'
import { InputError } from '../util/error.ts'
import { type ImageSize, sizeOf } from '../util/shape.ts'

/** A scan or a stored sample, without its voxels. */
export interface SubjectPlace {
  /** position in the input */
  index: number
  /** empty if it has no name */
  name: string
  /** maps between the grid of its masks and the grid of the prediction */
  frame: Frame
  /** of the masks */
  grid: ScanGrid
  /** of a voxel of `grid`; undefined if the voxel size is unknown */
  millilitres: number | undefined
  /** only for DICOM series */
  dicom?: DicomSource
  /** in which respects it is unlike the training scans */
  warnings: readonly string[]
}

export interface Subject extends SubjectPlace {
  volume: Float32Array // (C, H, W, D) on the frame's grid, intensities 0..255
}

/** The subjects to predict, read one after another. */
export interface Subjects {
  count: number
  /** only for HDF5: what is stored */
  stored?: Pick<Split, 'path' | 'imageSize' | 'spacing'>
  nameOf(index: number): string
  /** for messages: its path, and its position within an HDF5 file */
  whereIs(index: number): string
  /** Throws InputError with file and reason. */
  read(index: number): Subject
  close(): void
}

/** The input grid of a model. */
export interface ModelGrid {
  path: string
  channels: number
  size: ImageSize
  /** sliding windows of `size` over the whole scan; otherwise one volume of `size` */
  isSlidOver: boolean
}

/** The dataset `images` of an HDF5 file, assumed to be prepared. Throws InputError if it is missing or the channels do not match. */
export async function hdf5Subjects(path: string, model: ModelGrid): Promise<Subjects> {
  const file = await Hdf5File.open(path)
  try {
    const { samples, channels, imageSize } = imagesOf(file)
    if (channels !== model.channels)
      throw new InputError(`${path}: images have ${channels} channels, ${model.path} expects ${model.channels}`)
    const reader = new ImageReader(file, imageSize)
    const grid: ScanGrid = { size: imageSize, affine: VOXELS }
    const rule: FrameRule = model.isSlidOver ? { kind: 'spacing', spacing_mm: [1, 1, 1] } : { kind: 'field_of_view' }
    const frame = frameFor(grid, rule, model)
    const spacing = readSpacing(file, samples)
    const about = namesAndVolumes(file, samples, spacing)
    const [from, to] = [sizeOf(imageSize), sizeOf(frame.size)]
    const stored = new Float32Array(channels * from)
    const read = (index: number): Subject => {
      reader.read(index, stored)
      const volume = new Float32Array(channels * to)
      for (let c = 0; c < channels; c++)
        frame.imageToModel(stored.subarray(c * from, (c + 1) * from), volume.subarray(c * to, (c + 1) * to))
      return { index, ...about[index]!, frame, grid, volume, warnings: [] }
    }
    return {
      count: samples,
      stored: { path, imageSize, spacing },
      nameOf: index => about[index]!.name,
      whereIs: index => `${path}: sample ${index}`,
      read,
      close: () => file.close(),
    }
  } catch (error) {
    file.close()
    throw error
  }
}

/** The affine of a grid without a position in space. */
const VOXELS: Affine = [
  [1, 0, 0, 0],
  [0, 1, 0, 0],
  [0, 0, 1, 0],
]

function namesAndVolumes(
  file: Hdf5File,
  samples: number,
  spacing: Float64Array | undefined,
): Pick<Subject, 'name' | 'millilitres'>[] {
  return readTexts(file, 'subjects', samples).map((name, n) => ({
    name,
    millilitres: spacing && (spacing[3 * n]! * spacing[3 * n + 1]! * spacing[3 * n + 2]!) / 1000,
  }))
}

/** How scans are read and prepared. */
export interface ScanReading {
  preparation: Preparation
  /** what the training scans looked like, if known */
  trainingScans: ScanRanges | undefined
  series?: string | undefined
  say(line: string): void
}

/**
 * Scans, each resampled to the model's frame according to `preparation`. Tells `say` how much of a scan lies outside the frame, and in which
 * respects it is unlike the training scans.
 */
export function scanSubjects(
  groups: readonly ScanGroup[],
  model: ModelGrid,
  { preparation, trainingScans, series, say }: ScanReading,
): Subjects {
  const read = (index: number): Subject => {
    const { name, paths, fault } = groups[index]!
    if (fault !== undefined) throw new InputError(fault)
    let place: PlaceOnGrid | undefined
    let volume = new Float32Array(0)
    let c = 0
    const intensities: IntensityScale[] = []
    for (const { scan, values } of channelsOf(paths, { series })) {
      const rule = preparation.intensity[c]
      if (!rule)
        throw new InputError(`${paths[0]}: has more channels than the ${model.channels} that ${model.path} expects`)
      const frame = frameFor(scan, preparation.frame, model, place?.frame.size)
      const voxels = sizeOf(frame.size)
      if (!place) {
        place = placeOf(name, scan, frame)
        reportCrop(scan.path, frame, say)
        if (scan.dicom) for (const text of scan.warnings) say(`warning: ${scan.path}: ${text}`)
        volume = new Float32Array(model.channels * voxels)
      }
      frame.imageToModel(applyIntensity(values, rule, scan.path).values, volume.subarray(c * voxels, ++c * voxels))
      if (trainingScans) intensities.push(robustIntensities(values))
    }
    if (!place || c < model.channels)
      throw new InputError(`${paths[0]}: has ${c} channels, ${model.path} expects ${model.channels}`)
    const warnings = trainingScans
      ? scanDifferences(rangesOf(place.grid, intensities), trainingScans, preparation, 'the training scans had')
      : []
    for (const line of warnings) say(`warning: ${paths[0]}: ${line}`)
    return { index, ...place, volume, warnings }
  }
  return {
    count: groups.length,
    nameOf: index => groups[index]!.name,
    whereIs: index => groups[index]!.paths[0]!,
    read,
    close: () => undefined,
  }
}

/** What a scan's header says of it. */
type PlaceOnGrid = Omit<SubjectPlace, 'index' | 'warnings'>

function placeOf(name: string, { size, affine, geometry, dicom }: Scan, frame: Frame): PlaceOnGrid {
  const grid: ScanGrid = { size, affine, ...(geometry && { geometry }) }
  return { name, frame, grid, millilitres: voxelVolume(affine) / 1000, ...(dicom && { dicom }) }
}

/** A frame on the model's grid, or for sliding windows on a grid that covers the whole scan. */
function frameFor(grid: ScanGrid, rule: FrameRule, model: ModelGrid, to?: ImageSize): Frame {
  return new Frame(grid, rule, to ?? (model.isSlidOver ? sizeToCut(grid, rule, model.size) : model.size))
}

function reportCrop(path: string, { reach, oriented }: Frame, say: (line: string) => void): void {
  const share = sizeOf(reach.map(([first, end]) => end - first)) / sizeOf(oriented)
  if (share < 1)
    say(`${path}: ${Math.ceil(100 * (1 - share))} % of its voxels lie outside the model's frame and are not predicted`)
}

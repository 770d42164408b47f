import type { Frame } from '../data/scan/frame.ts'
import { applyIntensity, type IntensityScale } from '../data/scan/intensity.ts'
import type { Preparation } from '../data/scan/preparation.ts'
import type { Scan, ScanGrid } from '../data/scan/scan.ts'
import type { Channel } from '../data/scan/scan_channels.ts'
import { scanDifferences } from '../data/scan/scan_differences.ts'
import { rangesOf, robustIntensities, type ScanRanges } from '../data/scan/scan_ranges.ts'
import { voxelVolume } from '../data/scan/spacing.ts'
import { InputError } from '../util/error.ts'
import { sizeOf } from '../util/shape.ts'
import { frameFor, type ModelGrid, type Subject, type SubjectPlace } from './subjects.ts'

/** How scans are prepared. */
export interface ScanReading {
  preparation: Preparation
  /** what the training scans looked like, if known */
  trainingScans: ScanRanges | undefined
  say(line: string): void
}

/** A scan to prepare. */
export interface ScanInput {
  index: number
  name: string
  /** of its first file, for messages */
  path: string
  channels: Iterable<Channel>
}

/**
 * A scan resampled to the model's frame according to `preparation`. Tells `say` how much of it lies outside the frame, and in which respects it
 * is unlike the training scans. Throws InputError: other channels than the model's, or voxels that cannot be scaled.
 */
export function scanSubject(
  { index, name, path, channels }: ScanInput,
  model: ModelGrid,
  { preparation, trainingScans, say }: ScanReading,
): Subject {
  let place: PlaceOnGrid | undefined
  let volume = new Float32Array(0)
  let c = 0
  const intensities: IntensityScale[] = []
  for (const { scan, values } of channels) {
    const rule = preparation.intensity[c]
    if (!rule) throw new InputError(`${path}: has more channels than the ${model.channels} that ${model.path} expects`)
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
    throw new InputError(`${path}: has ${c} channels, ${model.path} expects ${model.channels}`)
  const warnings = trainingScans
    ? scanDifferences(rangesOf(place.grid, intensities), trainingScans, preparation, 'the training scans had')
    : []
  for (const line of warnings) say(`warning: ${path}: ${line}`)
  return { index, ...place, volume, warnings }
}

/** What a scan's header says of it. */
type PlaceOnGrid = Omit<SubjectPlace, 'index' | 'warnings'>

function placeOf(name: string, { size, affine, geometry, dicom }: Scan, frame: Frame): PlaceOnGrid {
  const grid: ScanGrid = { size, affine, ...(geometry && { geometry }) }
  return { name, frame, grid, millilitres: voxelVolume(affine) / 1000, ...(dicom && { dicom }) }
}

function reportCrop(path: string, { reach, oriented }: Frame, say: (line: string) => void): void {
  const share = sizeOf(reach.map(([first, end]) => end - first)) / sizeOf(oriented)
  if (share < 1)
    say(`${path}: ${Math.ceil(100 * (1 - share))} % of its voxels lie outside the model's frame and are not predicted`)
}

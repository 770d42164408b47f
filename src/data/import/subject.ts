import { basename } from 'node:path'
import { InputError } from '../../util/error.ts'
import { type ImageSize, sizeOf } from '../../util/shape.ts'
import type { StoredSample } from '../dataset/split_writer.ts'
import { channelsOf } from '../scan/channels.ts'
import { Frame, orientedGrid, sizeToCut } from '../scan/frame.ts'
import { applyIntensity, type IntensityScale } from '../scan/intensity.ts'
import { cutPatch, patchStarts } from '../scan/patches.ts'
import type { Preparation } from '../scan/preparation.ts'
import { checkSameGrid } from '../scan/same_grid.ts'
import type { ScanGrid } from '../scan/scan.ts'
import { rangesOf, robustIntensities, type ScanRanges } from '../scan/scan_ranges.ts'
import { type ScanWarning, shearWarnings } from '../scan/scan_warnings.ts'
import { type PlacedLabels, placeLabel } from './labels.ts'
import type { SurveyedScan } from './surveyed_scan.ts'

/** How a scan was imported, as recorded in metadata.json. */
export interface ScanRecord {
  name: string
  subject: string
  images: string[]
  label: string
  /** Directions of the stored axes, e.g. "LSA". */
  orientation: string
  /** Size in voxels and voxel size in millimetres along right, anterior, superior, before resampling. */
  size: ImageSize
  voxel_size_mm: number[]
  intensity: IntensityScale[]
  /** Number of samples: one, or the number of patches. */
  samples: number
  /** Whether part of the scan lies outside the frame, and how many labelled voxels do. */
  cropped: boolean
  labelled_voxels_cut_off: number
  /** What the headers of its files leave in doubt. Absent if there is no doubt. */
  warnings?: { file: string; text: string }[]
}

/** What an import knows of a scan besides its samples. */
export interface ImportedScan {
  record: ScanRecord
  /** what it looked like before it was prepared */
  ranges: ScanRanges
}

/** Settings for all scans of a dataset. */
export interface ImportedForm {
  preparation: Preparation
  /** Voxels between patches, if scans are cut into patches. */
  patchStride?: ImageSize
  structureNames: readonly string[]
  /** undefined if no source names them */
  channelNames: readonly string[] | undefined
}

/**
 * Reads one scan, brings it into the dataset's frame and scales it to 0..255. Yields one sample, or its patches. Presence comes from a sample's
 * own masks; patches with ignored voxels or without any intensity are skipped. `onImage` gets the whole image in the frame,
 * (C, H, W, D), and may refuse it.
 * Throws InputError with file and reason before it yields a sample.
 */
export function* importScan(
  scan: SurveyedScan,
  form: ImportedForm,
  onImage: (image: Float32Array) => void,
): Generator<StoredSample, ImportedScan> {
  const { image, intensity, frame, ranges, warnings } = placeImages(scan, form)
  onImage(image)
  const { known: structures, source, subject } = scan
  const frameOf = (grid: ScanGrid): Frame => new Frame(grid, form.preparation.frame, frame.size)
  const labels = placeLabel(scan.label, { frameOf, structures, ignoredValue: source.ignored })
  const whole = { image, labels, size: frame.size, channels: intensity.length }
  let samples = 0
  const { image_size: size } = form.preparation
  for (const start of patchStarts(frame.size, size, form.patchStride ?? size)) {
    const sample = cutSample(whole, start, scan, form)
    if (!sample) continue
    samples++
    yield { ...sample, source: { subject, spacing: frame.spacing } }
  }
  if (samples === 0) throw new InputError(`${scan.images[0]}: its frame is empty or not annotated`)
  const record = recordOf(scan, { frame, intensity, samples, cutOff: labels.cutOff, warnings })
  return { record, ranges }
}

interface WholeScan {
  image: Float32Array // (C, H, W, D)
  labels: PlacedLabels
  size: ImageSize
  channels: number
}

/** The sample at `start` of a scan; undefined if it is empty or has ignored voxels. */
function cutSample(
  { image, labels, size: whole, channels }: WholeScan,
  start: ImageSize,
  { known }: SurveyedScan,
  { preparation: { image_size: size }, structureNames }: ImportedForm,
): Omit<StoredSample, 'source'> | undefined {
  const cut = <T extends Float32Array | Uint8Array>(volumes: T, count: number, patches: T): T => {
    const [from, to] = [sizeOf(whole), sizeOf(size)]
    for (let i = 0; i < count; i++)
      cutPatch(volumes.subarray(i * from, (i + 1) * from) as T, whole, start, size, patches.subarray(i * to) as T)
    return patches
  }
  const voxels = sizeOf(size)
  const cutImage = cut(image, channels, new Float32Array(channels * voxels))
  const isSpoilt = labels.ignored && cut(labels.ignored, 1, new Uint8Array(voxels)).includes(1)
  if (isSpoilt || !cutImage.some(value => value !== 0)) return undefined
  const masks = cut(labels.masks, known.length, new Uint8Array(known.length * voxels))
  const presence = known.map((structure, s) =>
    structure ? Number(masks.subarray(s * voxels, (s + 1) * voxels).includes(1)) : -1,
  )
  return { image: cutImage, masks, presence, scenario: scenarioOf(presence, structureNames) }
}

const LISTED_ABSENCES = 3

/** Summary of a sample's presence: "complete", "without_spleen", "5_of_9_structures". Unknown structures do not count. */
function scenarioOf(presence: readonly number[], names: readonly string[]): string {
  const absent = names.filter((_, s) => presence[s] === 0)
  if (absent.length === 0) return 'complete'
  const known = presence.filter(state => state !== -1).length
  const isShort = absent.length <= LISTED_ABSENCES && absent.length < known
  return isShort ? `without_${absent.join('_')}` : `${known - absent.length}_of_${known}_structures`
}

/** Resamples all channels to one grid whose size comes from the first channel, as in `predict`. */
function placeImages({ images, grid }: SurveyedScan, { preparation, patchStride }: ImportedForm) {
  const { frame: placing, image_size: size, intensity: rules } = preparation
  const [intensity, robust]: [IntensityScale[], IntensityScale[]] = [[], []]
  const warnings: ScanWarning[] = []
  let image = new Float32Array(0) // (C, H, W, D)
  let frame: Frame | undefined
  for (const { scan, values } of channelsOf(images)) {
    const rule = rules[intensity.length]
    if (!rule) throw new InputError(`${scan.path}: more channels than the first scan, which has ${rules.length}`)
    if (!frame) checkSameGrid(grid, scan)
    if (warnings.at(-1)?.path !== scan.path)
      for (const text of [...scan.warnings, ...shearWarnings(scan.affine)]) warnings.push({ path: scan.path, text })
    const scaled = applyIntensity(values, rule, scan.path)
    frame = new Frame(scan, placing, frame?.size ?? (patchStride ? sizeToCut(scan, placing, size) : size))
    const voxels = sizeOf(frame.size)
    if (intensity.length === 0) image = new Float32Array(rules.length * voxels)
    frame.imageToModel(scaled.values, image.subarray(intensity.length * voxels, (intensity.length + 1) * voxels))
    intensity.push(scaled.scale)
    robust.push(robustIntensities(values))
  }
  if (intensity.length < rules.length)
    throw new InputError(`${images[0]}: has ${intensity.length} channels, the first scan ${rules.length}`)
  return { image, intensity, frame: frame!, ranges: rangesOf(grid, robust), warnings }
}

interface Placed {
  frame: Frame
  intensity: IntensityScale[]
  samples: number
  cutOff: number
  warnings: ScanWarning[]
}

function recordOf(
  { name, subject, images, label, grid, warnings: ofLabel }: SurveyedScan,
  { frame, intensity, samples, cutOff, warnings }: Placed,
): ScanRecord {
  const { size, spacing } = orientedGrid(grid)
  const doubts = [...warnings, ...ofLabel].map(({ path, text }) => ({ file: basename(path), text }))
  return {
    name,
    subject,
    images: images.map(path => basename(path)),
    label: basename(label.path),
    orientation: frame.orientation.code,
    size,
    voxel_size_mm: spacing.map(length => Number(length.toFixed(6))),
    intensity,
    samples,
    cropped: frame.isCropped,
    labelled_voxels_cut_off: cutOff,
    ...(doubts.length > 0 && { warnings: doubts }),
  }
}

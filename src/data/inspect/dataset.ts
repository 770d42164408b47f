import { OP_SHUFFLE, RandomStream } from '../../util/random.ts'
import { openDataset } from '../dataset/dataset.ts'
import type { Split, SplitName } from '../dataset/split.ts'
import { imagesOf } from '../dataset/volumes.ts'
import { Hdf5File, type NumericArray } from '../hdf5/file.ts'
import type { Preparation } from '../scan/preparation.ts'
import type { ScanRanges } from '../scan/scan_ranges.ts'
import { type Hdf5Inspection, inspectHdf5 } from './hdf5.ts'
import { type Intensity, intensityOf } from './voxel_intensity.ts'

/** What is in a dataset's folder. */
export interface DatasetInspection {
  kind: 'dataset'
  path: string
  structure_names: string[]
  /** voxels along (H, W, D) */
  image_size: number[]
  channels: number
  patches: boolean
  channel_names: string[] | null
  preparation: Preparation | null
  /** what the training scans looked like before */
  training_scans: ScanRanges | null
  splits: Partial<Record<SplitName, SplitInspection>>
}

export interface SplitInspection extends Hdf5Inspection {
  samples: number
  /** number of samples with each label, per structure */
  presence: { structure: string; present: number; absent: number; unknown: number }[]
  /** number of samples per scenario; empty if the file has none */
  scenarios: Record<string, number>
  /** number of distinct subjects; null if the file has none */
  subjects: number | null
  /** minimum and maximum voxel spacing in millimetres along (H, W, D); null if the file has none */
  spacing: { least: number[]; greatest: number[] } | null
  /** of a few samples, drawn with a fixed seed */
  intensity: (Intensity & { samples: number[] }) | null
  /** whether hashes.json records its samples */
  has_hashes: boolean
}

const LOOKED_AT = 8 // samples per split, for the intensities

/** Reads everything except the volumes, of which it reads a few images. Throws InputError like `openDataset`. */
export async function inspectDataset(path: string): Promise<DatasetInspection> {
  const { structureNames, imageSize, channels, patches, splits, ...facts } = await openDataset(path)
  const inspected: Partial<Record<SplitName, SplitInspection>> = {}
  for (const split of Object.values(splits)) inspected[split.name] = await inspectSplit(split, structureNames)
  return {
    kind: 'dataset',
    path,
    structure_names: structureNames,
    image_size: [...imageSize],
    channels,
    patches,
    channel_names: facts.channelNames ?? null,
    preparation: facts.preparation ?? null,
    training_scans: facts.trainingScans ?? null,
    splits: inspected,
  }
}

async function inspectSplit(split: Split, structureNames: readonly string[]): Promise<SplitInspection> {
  const { samples, spacing } = split
  const subjects = new Set(split.subjects.filter(subject => subject !== ''))
  return {
    ...(await inspectHdf5(split.path)),
    samples,
    presence: presenceOf(split, structureNames),
    scenarios: countsOf(split.scenarios.filter(scenario => scenario !== '')),
    subjects: subjects.size > 0 ? subjects.size : null,
    spacing: spacing ? extentOf(spacing) : null,
    intensity: await readIntensity(split),
    has_hashes: split.digests !== undefined,
  }
}

function presenceOf({ presence }: Split, structureNames: readonly string[]): SplitInspection['presence'] {
  const counts = structureNames.map(structure => ({ structure, present: 0, absent: 0, unknown: 0 }))
  for (const [i, label] of presence.entries())
    counts[i % counts.length]![label === 1 ? 'present' : label === 0 ? 'absent' : 'unknown']++
  return counts
}

function countsOf(texts: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>()
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1)
  return Object.fromEntries(counts)
}

/** `spacing`: (N, 3). */
function extentOf(spacing: Float64Array): { least: number[]; greatest: number[] } {
  const along = (axis: number): Float64Array => spacing.filter((_, i) => i % 3 === axis)
  const of = (choose: (...values: number[]) => number): number[] =>
    [0, 1, 2].map(axis => along(axis).reduce((best, value) => choose(best, value)))
  return { least: of(Math.min), greatest: of(Math.max) }
}

async function readIntensity({ path, samples, rows }: Split): Promise<SplitInspection['intensity']> {
  const drawn = new RandomStream({ seed: 0, operation: OP_SHUFFLE }).shuffle([...Array(samples).keys()])
  const chosen = drawn.slice(0, LOOKED_AT).sort((a, b) => a - b)
  const file = await Hdf5File.open(path)
  try {
    const { dataset } = imagesOf(file)
    const intensity = intensityOf(volumesOf(chosen, sample => file.read(dataset, rows?.[sample] ?? sample, 1)))
    return intensity ? { ...intensity, samples: chosen } : null
  } finally {
    file.close()
  }
}

function* volumesOf(samples: readonly number[], read: (sample: number) => NumericArray): Generator<NumericArray> {
  for (const sample of samples) yield read(sample)
}

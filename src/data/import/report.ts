import type { ImageSize } from '../../util/shape.ts'
import { SPLIT_NAMES, type SplitName } from '../dataset/split.ts'
import type { IntensityScale } from '../scan/intensity.ts'
import type { Preparation } from '../scan/preparation.ts'
import { joined, type ScanRanges } from '../scan/scan_ranges.ts'
import { warningLines } from '../scan/scan_warnings.ts'
import type { ImportedScan, ScanRecord } from './subject.ts'

/** Number of samples by the presence of one structure. */
export interface PresenceCount {
  name: string
  present: number
  absent: number
  unknown: number
  /** number of samples with the structure, by split */
  presentIn: Record<SplitName, number>
}

export interface SplitReport {
  subjects: string[]
  scans: number
  samples: number
}

/** The result of an import. */
export interface ImportReport {
  dataset: string
  structureNames: string[]
  preparation: Preparation
  /** by dataset.json or the files' modality; undefined if neither states them */
  channelNames: readonly string[] | undefined
  patches: boolean
  splits: Record<SplitName, SplitReport>
  presence: PresenceCount[]
  /** minimum and maximum over all scans, along right, anterior, superior */
  voxelSize: { least: number[]; most: number[] } // millimetres
  size: { least: number[]; most: number[] } // voxels
  /** per channel, over all scans */
  intensity: { low: [least: number, most: number]; high: [least: number, most: number] }[]
  cropped: { scans: number; withLabels: string[] }
  /** unusable scans, with the reason */
  skipped: string[]
  /** Lines for the user. */
  warnings: string[]
}

/** Collects the report while scans are written. */
export class ImportTally {
  readonly records: (ScanRecord & { split: SplitName })[] = []
  private readonly training: ScanRanges[] = []
  private readonly presence: PresenceCount[]
  /** whether validation uses the training scans, which are then counted once */
  isShared: boolean

  constructor(structureNames: readonly string[], isShared: boolean) {
    const none = { present: 0, absent: 0, unknown: 0 }
    this.presence = structureNames.map(name => ({ name, ...none, presentIn: { train: 0, val: 0, test: 0 } }))
    this.isShared = isShared
  }

  addSample(split: SplitName, presence: readonly number[]): void {
    for (const [s, count] of this.presence.entries()) {
      if (presence[s] === 1) count.presentIn[split]++
      if (split === 'val' && this.isShared) continue
      count[presence[s] === 1 ? 'present' : presence[s] === 0 ? 'absent' : 'unknown']++
    }
  }

  addScan(split: SplitName, { record, ranges }: ImportedScan): void {
    this.records.push({ ...record, split })
    if (split === 'train') this.training.push(ranges)
  }

  /** of all training scans */
  get trainingScans(): ScanRanges | undefined {
    return joined(this.training)
  }

  samplesIn(split: SplitName): number {
    return this.records.filter(record => record.split === split).reduce((sum, { samples }) => sum + samples, 0)
  }

  report(
    rest: Pick<ImportReport, 'dataset' | 'preparation' | 'channelNames' | 'patches' | 'skipped' | 'warnings'>,
  ): ImportReport {
    const { records } = this
    const cropped = records.filter(record => record.cropped && !(record.split === 'val' && this.isShared))
    const doubts = records.flatMap(({ warnings = [] }) => warnings.map(({ file, text }) => ({ path: file, text })))
    const withLabels = cropped.filter(record => record.labelled_voxels_cut_off > 0).map(({ name }) => name)
    return {
      ...rest,
      warnings: [...rest.warnings, ...warningLines(doubts)],
      structureNames: this.presence.map(({ name }) => name),
      splits: Object.fromEntries(SPLIT_NAMES.map(name => [name, this.splitReport(name)])) as ImportReport['splits'],
      presence: this.presence,
      voxelSize: rangeOf(records.map(record => record.voxel_size_mm)),
      size: rangeOf(records.map((record): ImageSize => record.size)),
      intensity: rest.preparation.intensity.map((_, c) => intensityRange(records.map(record => record.intensity[c]!))),
      cropped: { scans: cropped.length, withLabels },
    }
  }

  private splitReport(split: SplitName): SplitReport {
    const own = this.records.filter(record => record.split === split)
    const subjects = [...new Set(own.map(({ subject }) => subject))]
    return { subjects, scans: own.length, samples: this.samplesIn(split) }
  }
}

function rangeOf(triples: readonly (readonly number[])[]): { least: number[]; most: number[] } {
  const along = (pick: (...values: number[]) => number): number[] =>
    [0, 1, 2].map(axis => triples.map(triple => triple[axis]!).reduce((a, b) => pick(a, b)))
  return { least: along(Math.min), most: along(Math.max) }
}

function intensityRange(scales: readonly IntensityScale[]): ImportReport['intensity'][number] {
  const range = (values: number[]): [number, number] => [
    values.reduce((a, b) => Math.min(a, b)),
    values.reduce((a, b) => Math.max(a, b)),
  ]
  return { low: range(scales.map(({ low }) => low)), high: range(scales.map(({ high }) => high)) }
}

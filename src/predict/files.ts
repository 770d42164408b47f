import { join } from 'node:path'
import { type Hdf5Column, Hdf5Writer } from '../data/hdf5/writer.ts'
import type { Preparation } from '../data/scan/preparation.ts'
import type { SadaanShape } from '../nn/specification.ts'
import { csvLine } from '../util/csv.ts'
import type { StagedResults } from '../util/files/staged_results.ts'
import { writeJson, writeText } from '../util/whole_file.ts'
import type { FailedSubject } from './bad_subjects.ts'
import { type PresenceRow, SAMPLES, type SubjectFiles } from './subject_files.ts'
import { RAW_AXES, RAW_NAMES, type RawOutputs, type SubjectPrediction } from './subject_prediction.ts'
import type { SubjectPlace } from './subjects.ts'

/** How the predictions were made: the first part of presence.json. */
export interface PredictionHead {
  /** path of the model, or of those that were averaged */
  weights: string | readonly string[]
  input: string
  structureNames: readonly string[]
  presenceThreshold: number
  /** only for scans */
  preparation?: Preparation
  /** of sliding windows; undefined if each volume was a single input */
  overlap?: number
  /** the sets of axes along which inputs were mirrored */
  flips: readonly (readonly number[])[]
  isLargestComponent: boolean
  hasAttention: boolean
  hasUncertainty: boolean
  /** in which respects the dataset is unlike the training data */
  warnings: readonly string[]
}

/** The results of one sample or scan. */
export interface PredictedSubject {
  /** index in the input */
  sample: number
  /** empty if it has no name */
  scan: string
  /** in which respects it is unlike the training scans */
  warnings: readonly string[]
  rows: readonly PresenceRow[] // (S)
}

const RAW = 'raw.h5'
const TABLES = { csv: 'presence.csv', json: 'presence.json' } as const

/** Writes the results of a prediction, subject by subject: volumes, raw.h5 if requested, presence.csv and presence.json. */
export class PredictionFiles {
  private readonly results: StagedResults
  private readonly head: PredictionHead
  private readonly files: SubjectFiles
  private readonly raw: Hdf5Writer | undefined
  readonly subjects: PredictedSubject[] = []

  private constructor(results: StagedResults, head: PredictionHead, files: SubjectFiles, raw: Hdf5Writer | undefined) {
    this.results = results
    this.head = head
    this.files = files
    this.raw = raw
  }

  /** With `raw`, the shape of the model, also writes raw.h5. */
  static async create(
    results: StagedResults,
    head: PredictionHead,
    files: SubjectFiles,
    raw?: SadaanShape,
  ): Promise<PredictionFiles> {
    try {
      results.claim(Object.values(TABLES))
      const writer = raw && (await Hdf5Writer.create(results.path(RAW), rawColumns(raw)))
      return new PredictionFiles(results, head, files, writer)
    } catch (error) {
      files.abandon()
      throw error
    }
  }

  append(subject: SubjectPlace, prediction: SubjectPrediction): void {
    const { index: sample, name: scan, warnings } = subject
    this.subjects.push({ sample, scan, warnings, rows: this.files.append(subject, prediction) })
  }

  /** Appends the outputs of a sample if raw.h5 is written. */
  appendRaw(sample: number, outputs: RawOutputs): void {
    this.raw?.append(SAMPLES.name, BigInt64Array.of(BigInt(sample)))
    for (const name of RAW_NAMES) this.raw?.append(name, outputs[name])
  }

  /**
   * Adds what another rank has predicted, which are subjects behind those so far.
   * @param names of the files that it has written to `folder`
   */
  async adopt(subjects: readonly PredictedSubject[], folder: string, names: readonly string[]): Promise<void> {
    this.subjects.push(...subjects)
    await this.raw?.appendFrom(join(folder, RAW), [SAMPLES.name, ...RAW_NAMES])
    await this.files.adopt(folder, names)
  }

  /** The position priors P (S, H, W, D) belong to the model, so they have no sample axis. */
  writePriors(priors: Float32Array): void {
    const structures = this.head.structureNames.length
    const voxels = priors.length / structures
    for (let s = 0; s < structures; s++)
      this.raw?.append('position_priors', priors.subarray(s * voxels, (s + 1) * voxels))
  }

  /** Verifies the files and moves them into place. `failed` have no results. Returns the paths. */
  async finish(failed: readonly FailedSubject[]): Promise<string[]> {
    await this.finishVolumes()
    writeText(this.results.path(TABLES.csv), this.table())
    writeJson(this.results.path(TABLES.json), this.record(failed))
    return this.results.commit()
  }

  /** As `finish`, without tables: for a rank whose files another one adopts. */
  async finishPart(): Promise<string[]> {
    await this.finishVolumes()
    return this.results.commit()
  }

  private async finishVolumes(): Promise<void> {
    await this.raw?.finish()
    await this.files.finish()
  }

  /** Discards unfinished files. */
  abandon(): void {
    this.raw?.abandon()
    this.files.abandon()
  }

  private table(): string {
    const { structureNames, presenceThreshold, hasAttention, weights } = this.head
    const columns = [
      ...COLUMNS,
      ...(hasAttention ? ['attention_peak'] : []),
      ...(typeof weights === 'string' ? [] : ['presence_std', 'pairwise_dice']),
      'warnings',
    ]
    const lines = this.subjects.flatMap(({ sample, scan, warnings, rows }) =>
      rows.map(({ probability, present, voxels, millilitres, attentionPeak, agreement }, s) => {
        const cells = [
          sample,
          structureNames[s]!,
          probability,
          Number(present),
          voxels,
          millilitres ?? '',
          presenceThreshold,
          scan,
        ]
        if (attentionPeak !== undefined) cells.push(attentionPeak)
        if (agreement) cells.push(agreement.presenceDeviation, agreement.pairwiseDice ?? '')
        return csvLine([...cells, warnings.join(' | ')])
      }),
    )
    return [csvLine(columns), ...lines].join('')
  }

  private record(failed: readonly FailedSubject[]) {
    const { head } = this
    return {
      weights: head.weights,
      input: head.input,
      presence_threshold: head.presenceThreshold,
      structure_names: head.structureNames,
      preparation: head.preparation ?? null,
      sliding_window: head.overlap === undefined ? null : { overlap: head.overlap },
      flips: head.flips,
      largest_component: head.isLargestComponent,
      warnings: head.warnings,
      samples: samplesOf(this.subjects, head.structureNames),
      failed,
    }
  }
}

const COLUMNS = [
  'sample',
  'structure',
  'presence_probability',
  'present',
  'mask_voxels',
  'volume_ml',
  'presence_threshold',
  'scan',
] as const

/** The samples as in presence.json. Volumes are null if the voxel size is unknown. */
export function samplesOf(subjects: readonly PredictedSubject[], structureNames: readonly string[]) {
  const structure = ({ probability, present, voxels, millilitres, attentionPeak, agreement }: PresenceRow) => ({
    presence_probability: probability,
    present,
    mask_voxels: voxels,
    volume_ml: millilitres ?? null,
    ...(attentionPeak !== undefined && { attention_peak: attentionPeak }),
    ...(agreement && { presence_std: agreement.presenceDeviation, pairwise_dice: agreement.pairwiseDice }),
  })
  return subjects.map(({ sample, scan, warnings, rows }) => ({
    sample,
    scan,
    warnings,
    structures: Object.fromEntries(rows.map((row, s) => [structureNames[s]!, structure(row)])),
  }))
}

function rawColumns(shape: SadaanShape): Hdf5Column[] {
  const outputs = RAW_NAMES.map((name): Hdf5Column => ({ name, kind: 'float32', rowShape: RAW_AXES[name](shape) }))
  return [...outputs, SAMPLES, { name: 'position_priors', kind: 'float32', rowShape: shape.size }]
}

import { join } from 'node:path'
import { writeAtomically } from '../checkpoint/file.ts'
import { type Hdf5Column, Hdf5Writer } from '../data/hdf5_writer.ts'
import type { SadaanOutputs } from '../nn/sadaan.ts'
import type { SadaanShape } from '../nn/specification.ts'
import { csvLine } from '../report/csv.ts'
import type { MaskFiles } from './mask_files.ts'

/** What every presence table says first. */
export interface PredictionHead {
  weights: string
  input: string
  structureNames: readonly string[]
  presenceThreshold: number
}

/** A structure of a sample: is it there, and how large is its mask? */
export interface PresenceRow {
  probability: number
  /** probability > presence_threshold */
  present: boolean
  /** of the mask, on the grid of the input */
  voxels: number
}

/** Outputs of one sample by name, as the model gives them. */
export type RawOutputs = Readonly<Record<RawName, Float32Array>>
export type RawName = Exclude<keyof SadaanOutputs, 'position_priors'>

type Axes = (shape: SadaanShape) => readonly number[]
const volumes: Axes = ({ structures, size }) => [structures, ...size]
const scores: Axes = ({ structures }) => [structures]

/** Axes of each output behind the samples' one. */
const RAW_AXES: Record<RawName, Axes> = {
  attention_maps: volumes,
  feature_responses: volumes,
  alignment_scores: scores,
  absence_logits: ({ structures }) => [structures, 2],
  presence_probs: scores,
  confidence_scores: scores,
  segmentation_logits: volumes,
  segmentation_probs: volumes,
}

export const RAW_NAMES = Object.keys(RAW_AXES) as RawName[]

/**
 * The results of a prediction, written sample by sample: masks, presence.csv and presence.json, and raw.h5 if asked for. What is
 * half-written stands under no final name.
 */
export class PredictionFiles {
  private readonly folder: string
  private readonly head: PredictionHead
  private readonly masks: MaskFiles
  private readonly raw: Hdf5Writer | undefined
  private readonly samples: PresenceRow[][] = []

  private constructor(folder: string, head: PredictionHead, masks: MaskFiles, raw: Hdf5Writer | undefined) {
    this.folder = folder
    this.head = head
    this.masks = masks
    this.raw = raw
  }

  /** `raw`: the shape of the model whose outputs are wanted. */
  static async create(
    folder: string,
    head: PredictionHead,
    masks: MaskFiles,
    raw?: SadaanShape,
  ): Promise<PredictionFiles> {
    try {
      const writer = raw && (await Hdf5Writer.create(join(folder, 'raw.h5'), rawColumns(raw)))
      return new PredictionFiles(folder, head, masks, writer)
    } catch (error) {
      masks.abandon()
      throw error
    }
  }

  /** One sample: a mask (H, W, D) and a row for each structure. */
  append(of: (structure: number) => { mask: Uint8Array; row: PresenceRow }): PresenceRow[] {
    const rows: PresenceRow[] = []
    this.masks.append(s => {
      const { mask, row } = of(s)
      rows.push(row)
      return mask
    })
    this.samples.push(rows)
    return rows
  }

  /** The sample's outputs, where raw.h5 is written. */
  appendRaw(outputs: RawOutputs): void {
    for (const name of RAW_NAMES) this.raw?.append(name, outputs[name])
  }

  /** P itself (S, H, W, D): it is the model's, not a sample's, so it has no axis of samples. */
  writePriors(priors: Float32Array): void {
    const structures = this.head.structureNames.length
    const voxels = priors.length / structures
    for (let s = 0; s < structures; s++)
      this.raw?.append('position_priors', priors.subarray(s * voxels, (s + 1) * voxels))
  }

  /** Verifies and renames what was written. Returns the paths. */
  async finish(): Promise<string[]> {
    await this.raw?.finish()
    const masks = await this.masks.finish()
    const [csv, json] = ['presence.csv', 'presence.json'].map(name => join(this.folder, name)) as [string, string]
    writeAtomically(csv, [Buffer.from(this.table())])
    writeAtomically(json, [Buffer.from(`${JSON.stringify(this.record(), null, 2)}\n`)])
    return [...(this.raw ? [this.raw.path] : []), ...masks, csv, json]
  }

  /** Removes what is half-written. */
  abandon(): void {
    this.raw?.abandon()
    this.masks.abandon()
  }

  private table(): string {
    const lines = this.samples.flatMap((rows, sample) =>
      rows.map(({ probability, present, voxels }, s) =>
        csvLine([sample, this.head.structureNames[s]!, probability, Number(present), voxels]),
      ),
    )
    return [csvLine(['sample', 'structure', 'presence_probability', 'present', 'mask_voxels']), ...lines].join('')
  }

  private record() {
    const { weights, input, structureNames, presenceThreshold } = this.head
    const structures = (rows: PresenceRow[]) =>
      Object.fromEntries(
        rows.map(({ probability, present, voxels }, s) => [
          structureNames[s]!,
          { presence_probability: probability, present, mask_voxels: voxels },
        ]),
      )
    const samples = this.samples.map((rows, sample) => ({ sample, structures: structures(rows) }))
    return { weights, input, presence_threshold: presenceThreshold, structure_names: structureNames, samples }
  }
}

function rawColumns(shape: SadaanShape): Hdf5Column[] {
  const outputs = RAW_NAMES.map((name): Hdf5Column => ({ name, kind: 'float32', rowShape: RAW_AXES[name](shape) }))
  return [...outputs, { name: 'position_priors', kind: 'float32', rowShape: shape.size }]
}

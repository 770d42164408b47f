import { sizeOf } from '../util/shape.ts'
import { type MaskRule, makeMask } from './masks.ts'
import type { SubjectPrediction, VolumeName } from './subject_prediction.ts'
import type { SubjectPlace } from './subjects.ts'

/** A structure of a subject: is it there, and how large is its mask? */
export interface PresenceRow {
  probability: number
  /** probability > presence_threshold */
  present: boolean
  /** of the mask, on the grid of the input */
  voxels: number
  /** of the mask; undefined where nothing says how large a voxel is */
  millilitres: number | undefined
  /** the highest of the attention map, where it was asked for */
  attentionPeak?: number
}

export interface SubjectFileOptions extends MaskRule {
  structureNames: readonly string[]
  hasProbabilities: boolean
  hasAttention: boolean
}

/** Where the volumes of a prediction go, subject by subject. */
export interface SubjectFiles {
  append(subject: SubjectPlace, prediction: SubjectPrediction): PresenceRow[]
  finish(): Promise<void>
  /** Lets go of what is half-written. */
  abandon(): void
}

/** What is written beside masks: names of folder, HDF5 dataset and output. */
export const FLOATS = [
  { name: 'probabilities', dataset: 'probabilities', output: 'segmentation_probs', wanted: 'hasProbabilities' },
  { name: 'attention', dataset: 'attention_maps', output: 'attention_maps', wanted: 'hasAttention' },
] as const

/** The outputs that the files need. */
export function volumeNames({ hasAttention }: Pick<SubjectFileOptions, 'hasAttention'>): VolumeName[] {
  return hasAttention ? ['segmentation_probs', 'attention_maps'] : ['segmentation_probs']
}

/** Makes the masks of a subject one after another, each handed to `use`, and says what the tables say of them. */
export function makeMasks(
  { frame, grid, millilitres }: SubjectPlace,
  { presence, volume }: SubjectPrediction,
  options: SubjectFileOptions,
  use: (s: number, mask: Uint8Array) => void,
): PresenceRow[] {
  const mask = new Uint8Array(sizeOf(grid.size))
  return options.structureNames.map((_, s) => {
    const probability = presence[s]!
    const present = probability > options.presenceThreshold
    const voxels = makeMask(frame, () => volume('segmentation_probs', s), present, grid.size, options, mask)
    use(s, mask)
    const row = { probability, present, voxels, millilitres: millilitres && voxels * millilitres }
    return options.hasAttention ? { ...row, attentionPeak: highest(volume('attention_maps', s)) } : row
  })
}

function highest(values: Float32Array): number {
  let most = 0
  for (let v = 0; v < values.length; v++) if (values[v]! > most) most = values[v]!
  return most
}

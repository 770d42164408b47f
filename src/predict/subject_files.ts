import type { Hdf5Column } from '../data/hdf5/writer.ts'
import { sizeOf } from '../util/shape.ts'
import { type MaskRule, makeMask } from './masks.ts'
import type { Agreement, SubjectPrediction, VolumeName } from './subject_prediction.ts'
import type { SubjectPlace } from './subjects.ts'

/** In a label volume, whose labels are bytes. */
export const MOST_LABELS = 255

/** Presence and mask size of one structure of a subject. */
export interface PresenceRow {
  probability: number
  /** probability > presence_threshold */
  present: boolean
  /** of the mask on the input's grid */
  voxels: number
  /** of the mask; undefined if the voxel size is unknown */
  millilitres: number | undefined
  /** maximum of the attention map, if requested */
  attentionPeak?: number
  /** only of an ensemble */
  agreement?: Agreement
}

export interface SubjectFileOptions extends MaskRule {
  structureNames: readonly string[]
  hasProbabilities: boolean
  hasAttention: boolean
  hasUncertainty: boolean
}

/** Writes the volumes of a prediction, subject by subject. */
export interface SubjectFiles {
  append(subject: SubjectPlace, prediction: SubjectPrediction): PresenceRow[]
  /** Adds the files `names` that another rank has written to `folder`, behind those of the subjects so far. */
  adopt(folder: string, names: readonly string[]): Promise<void>
  finish(): Promise<void>
  /** Discards unfinished files. */
  abandon(): void
}

/** In every HDF5 file: the index in the input of each row. Samples that could not be predicted have no row. */
export const SAMPLES: Hdf5Column = { name: 'samples', kind: 'int64', rowShape: [] }

/** Volumes written besides masks: folder, HDF5 dataset and what they hold. */
export const FLOATS = [
  { name: 'probabilities', dataset: 'probabilities', output: 'segmentation_probs', wanted: 'hasProbabilities' },
  { name: 'attention', dataset: 'attention_maps', output: 'attention_maps', wanted: 'hasAttention' },
  { name: 'uncertainty', dataset: 'uncertainty', output: 'uncertainty', wanted: 'hasUncertainty' },
] as const

/** The model's outputs that the files need. */
export function volumeNames({ hasAttention }: Pick<SubjectFileOptions, 'hasAttention'>): VolumeName[] {
  return hasAttention ? ['segmentation_probs', 'attention_maps'] : ['segmentation_probs']
}

/** Makes the masks of a subject one after another and passes each to `use`. Returns the rows of the tables. */
export function makeMasks(
  { frame, grid, millilitres }: SubjectPlace,
  { presence, volume, agreement }: SubjectPrediction,
  options: SubjectFileOptions,
  use: (s: number, mask: Uint8Array) => void,
): PresenceRow[] {
  const mask = new Uint8Array(sizeOf(grid.size))
  return options.structureNames.map((_, s) => {
    const probability = presence[s]!
    const present = probability > options.presenceThreshold
    const { isLargestComponent } = options
    const probabilities = () => volume('segmentation_probs', s)
    const request = { frame, size: grid.size, volume: probabilities, isPresent: present, isLargestComponent }
    const voxels = makeMask(request, mask)
    use(s, mask)
    return {
      probability,
      present,
      voxels,
      millilitres: millilitres && voxels * millilitres,
      ...(options.hasAttention && { attentionPeak: maximumOf(volume('attention_maps', s)) }),
      ...(agreement && { agreement: agreement[s]! }),
    }
  })
}

function maximumOf(values: Float32Array): number {
  let maximum = 0
  for (let v = 0; v < values.length; v++) if (values[v]! > maximum) maximum = values[v]!
  return maximum
}

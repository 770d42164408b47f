import { writeFileSync } from 'node:fs'
import { writeDicomSegmentation } from '../data/dicom_segmentation.ts'
import { CHUNK_LIMIT } from '../data/hdf5_file.ts'
import { type Hdf5Column, Hdf5Writer } from '../data/hdf5_writer.ts'
import { writeNifti } from '../data/nifti_writer.ts'
import type { ImageSize } from '../data/volumes.ts'
import { InputError } from '../util/error.ts'
import { fileNames } from '../util/file_names.ts'
import { sizeOf } from '../util/shape.ts'
import type { Outcome, VolumeName } from './gathering.ts'
import { labelDescription, labelTable } from './label_table.ts'
import { LabelVolume, type MaskRule, makeMask, ontoScan } from './masks.ts'
import { PackedMasks } from './packed_masks.ts'
import type { StagedResults } from './staged_results.ts'
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
  append(subject: SubjectPlace, outcome: Outcome): PresenceRow[]
  finish(): Promise<void>
  /** Lets go of what is half-written. */
  abandon(): void
}

/** What is written beside masks: names of folder, HDF5 dataset and output. */
const FLOATS = [
  { name: 'probabilities', dataset: 'probabilities', output: 'segmentation_probs', wanted: 'hasProbabilities' },
  { name: 'attention', dataset: 'attention_maps', output: 'attention_maps', wanted: 'hasAttention' },
] as const

/** The outputs that the files need. */
export function volumeNames({ hasAttention }: Pick<SubjectFileOptions, 'hasAttention'>): VolumeName[] {
  return hasAttention ? ['segmentation_probs', 'attention_maps'] : ['segmentation_probs']
}

/** Masks, made one at a time in `mask`, with the rows that the tables say of them. */
function rowsOf(
  { frame, grid, millilitres }: SubjectPlace,
  { presence, volume }: Outcome,
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

/** FOLDER/masks.h5, and probabilities.h5 and attention.h5 if asked for: (N, S, H, W, D) on the grid of the images. */
export async function hdf5Files(
  results: StagedResults,
  size: ImageSize,
  options: SubjectFileOptions,
): Promise<SubjectFiles> {
  const structures = options.structureNames.length
  const rowShape = [structures, ...size]
  const writers: Hdf5Writer[] = []
  const abandon = (): void => {
    for (const writer of writers) writer.abandon()
  }
  const create = async (name: string, column: Omit<Hdf5Column, 'rowShape'>): Promise<Hdf5Writer> => {
    const bytes = sizeOf(rowShape) * (column.kind === 'float32' ? 4 : 1)
    if (bytes > CHUNK_LIMIT)
      throw new InputError(
        `${name}.h5: a sample of ${rowShape.join('×')} has ${bytes} bytes, at most ${CHUNK_LIMIT}; predict NIfTI scans instead`,
      )
    const writer = await Hdf5Writer.create(results.path(`${name}.h5`), [{ ...column, rowShape }])
    writers.push(writer)
    return writer
  }
  try {
    const masks = await create('masks', { name: 'masks', kind: 'bool' })
    const floats: { writer: Hdf5Writer; dataset: string; output: VolumeName }[] = []
    for (const { name, dataset, output, wanted } of FLOATS)
      if (options[wanted])
        floats.push({ writer: await create(name, { name: dataset, kind: 'float32' }), dataset, output })
    const append = (subject: SubjectPlace, outcome: Outcome): PresenceRow[] => {
      const voxels = sizeOf(size)
      const row = new Uint8Array(structures * voxels)
      const rows = rowsOf(subject, outcome, options, (s, mask) => row.set(mask, s * voxels))
      masks.append('masks', row)
      for (const { writer, dataset, output } of floats) {
        const values = new Float32Array(structures * voxels)
        for (let s = 0; s < structures; s++)
          ontoScan(subject.frame, outcome.volume(output, s), values.subarray(s * voxels, (s + 1) * voxels))
        writer.append(dataset, values)
      }
      return rows
    }
    const finish = async (): Promise<void> => {
      for (const writer of writers) await writer.finish()
    }
    return { append, finish, abandon }
  } catch (error) {
    abandon()
    throw error
  }
}

const MOST_LABELS = 255

/**
 * On each scan's own grid masks/STRUCTURE.nii.gz, labels.nii.gz with what its values mean, and probabilities/ and attention/ if asked for.
 * `folders` has one a scan, '' being the results' own. Beside the structure's volume on the model's grid a mask and the labels are held,
 * each a byte a voxel of the scan; with probabilities or attention another four bytes. Of a DICOM series masks.dcm too,
 * for which all masks are held at a bit a voxel.
 */
export function scanFiles(
  results: StagedResults,
  folders: readonly string[],
  options: SubjectFileOptions,
  say: (line: string) => void,
): SubjectFiles {
  const names = fileNames(options.structureNames)
  const { structureNames } = options
  const hasLabels = structureNames.length <= MOST_LABELS
  if (!hasLabels) say(`no labels.nii.gz: ${structureNames.length} structures, it holds up to ${MOST_LABELS}`)
  let next = 0
  const append = (subject: SubjectPlace, outcome: Outcome): PresenceRow[] => {
    const folder = folders[next++]!
    const { frame, grid, dicom } = subject
    const segments = dicom && new PackedMasks(sizeOf(grid.size))
    const labels = hasLabels
      ? new LabelVolume(frame, grid.size, s => outcome.volume('segmentation_probs', s))
      : undefined
    const rows = rowsOf(subject, outcome, options, (s, mask) => {
      writeNifti(results.path(folder, 'masks', `${names[s]}.nii.gz`), mask, grid)
      labels?.add(s, mask)
      segments?.add(structureNames[s]!, mask)
    })
    if (dicom && segments) writeDicomSegmentation(results.path(folder, 'masks.dcm'), dicom, segments.views())
    if (labels) {
      writeNifti(results.path(folder, 'labels.nii.gz'), labels.labels, grid)
      writeFileSync(results.path(folder, 'labels.json'), labelTable(structureNames, names))
      writeFileSync(results.path(folder, 'labels.label'), labelDescription(structureNames))
    }
    for (const { name, output, wanted } of FLOATS) {
      if (!options[wanted]) continue
      const values = new Float32Array(sizeOf(grid.size))
      for (const [s, file] of names.entries()) {
        ontoScan(frame, outcome.volume(output, s), values)
        writeNifti(results.path(folder, name, `${file}.nii.gz`), values, grid)
      }
    }
    return rows
  }
  return { append, finish: async () => undefined, abandon: () => undefined }
}

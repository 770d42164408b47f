import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/schema.ts'
import { openDataset } from '../data/dataset/dataset.ts'
import type { SplitName } from '../data/dataset/split.ts'
import { DEFAULT_INTENSITY } from '../data/scan/intensity.ts'
import type { Preparation } from '../data/scan/preparation.ts'
import { isScan } from '../data/scan/read_scan.ts'
import { isScanFolder, scanGroups } from '../data/scan/scan_groups.ts'
import { presenceThresholdFor, structureNamesOf, type TrainedModel } from '../run/trained_model.ts'
import { InputError } from '../util/error.ts'
import { fileNames } from '../util/file_names.ts'
import type { ImageSize } from '../util/shape.ts'
import type { PredictionHead } from './files.ts'
import { flipsOver } from './inputs.ts'
import { hdf5Subjects, type ModelGrid, type Subjects, scanSubjects } from './subjects.ts'

function checkRequest({ overlap, raw, flips }: PredictionRequest, { path, patches, shape }: TrainedModel): void {
  if (overlap !== undefined && !patches)
    throw new InputError(
      `${path}: was not trained on patches ("patches": true in metadata.json), so no window slides: its position prior ties it to its frame of ${shape.size.join('×')} voxels`,
    )
  if (overlap !== undefined && !(overlap >= 0 && overlap < 1))
    throw new InputError(`overlap is ${overlap}, expected a share of the window, at least 0 and below 1`)
  if (raw && (overlap !== undefined || flips))
    throw new InputError('raw outputs are of one pass over each sample, so not of sliding windows or flips')
}

/** What to read: one HDF5 file, whose dataset may name structures, or scans. */
type Source = { hdf5: string; structureNames?: string[] } | { scans: readonly string[] }

async function locate({ input, split: name }: PredictionRequest): Promise<Source> {
  const paths = typeof input === 'string' ? [input] : input
  const [path] = paths
  if (path === undefined) throw new InputError('no input, expected a scan, an HDF5 file or a folder')
  if (paths.length > 1 || isScan(path) || (isScanFolder(path) && !isDataset(path))) return { scans: paths }
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return { hdf5: path }
  if (!isDataset(path))
    throw new InputError(`${path}: neither a dataset (metadata.json) nor a folder of scans (.nii, .nii.gz or DICOM)`)
  const { splits, structureNames } = await openDataset(path)
  const split = splits[name]
  if (!split) throw new InputError(`${join(path, `${name}.h5`)}: no such file, expected the split to predict`)
  return { hdf5: split.path, structureNames }
}

function isDataset(folder: string): boolean {
  return statSync(join(folder, 'metadata.json'), { throwIfNoEntry: false }) !== undefined
}

/** What is predicted and how. */
export interface PredictionJob {
  subjects: Subjects
  /** of scans: the folder of each within the results */
  folders?: string[]
  head: PredictionHead
}

/**
 * Opens what is to be predicted, holds it against the model and says how it is done; lines of what is not as the user may think go to
 * `say`. Throws InputError.
 */
export async function openJob(request: PredictionRequest, model: TrainedModel): Promise<PredictionJob> {
  checkRequest(request, model)
  const source = await locate(request)
  const { say, overlap, largestComponent = false, attention = false } = request
  const { size, inChannels } = model.shape
  const grid: ModelGrid = { path: model.path, channels: inChannels, size: [...size], isSlidOver: overlap !== undefined }
  const head = {
    weights: model.path,
    input: [request.input].flat().join(', '),
    structureNames: structureNamesOf(model, 'hdf5' in source ? source.structureNames : undefined),
    presenceThreshold: presenceThresholdFor(model, request),
    ...(overlap !== undefined && { overlap }),
    flips: flipsOver(flipAxesFor(request, model)),
    isLargestComponent: largestComponent,
    hasAttention: attention,
  }
  if ('hdf5' in source) {
    const subjects = await hdf5Subjects(source.hdf5, grid)
    tellOfSize(subjects.imageSize!, grid, say)
    return { subjects, head: { ...head, input: source.hdf5 } }
  }
  const groups = scanGroups(source.scans, inChannels)
  const preparation = preparationFor(model, say)
  if (overlap !== undefined && preparation.frame.kind !== 'spacing')
    throw new InputError(
      `${model.path}: does not say how long its voxels are (preparation.frame), so no window slides over a scan`,
    )
  if (model.patches && overlap === undefined)
    say(`${model.path} was trained on patches: without --sliding-window only what lies in one of them is predicted`)
  const folders = groups.length === 1 ? [''] : fileNames(groups.map(({ name }) => name))
  return {
    subjects: scanSubjects(groups, preparation, grid, { series: request.series, say }),
    folders,
    head: { ...head, preparation },
  }
}

function tellOfSize(imageSize: ImageSize, { size, isSlidOver }: ModelGrid, say: (line: string) => void): void {
  const [from, to] = [imageSize, size].map(axes => axes.join('×'))
  if (from === to) return
  if (isSlidOver) say(`windows of ${to} slide over images of ${from}`)
  else say(`images are resampled from ${from} to the model's ${to}, masks back again`)
}

/** The axes to flip along: those asked for, else those that training flipped, else left-right. */
function flipAxesFor({ flips, say }: PredictionRequest, { flipAxes: seen, path }: TrainedModel): readonly number[] {
  if (flips === undefined) return []
  const axes = flips === 'trained' ? (seen?.length ? seen : [0]) : flips
  const unseen = seen ? axes.filter(axis => !seen.includes(axis)) : []
  if (unseen.length > 0) say(`warning: ${path} was never trained on volumes flipped along axis ${unseen.join(', ')}`)
  if (!seen) say(`${path} does not say what training flipped; flips are along axis ${axes.join(', ')}`)
  return axes
}

/** The model's own, at the model's size; else what `import` does unless told otherwise. */
function preparationFor({ preparation, path, shape }: TrainedModel, say: (line: string) => void): Preparation {
  const size: ImageSize = [...shape.size]
  if (!preparation) {
    say(
      `${path} does not say how scans were prepared: they are taken as import does it, the whole field of view, percentiles 0.5 and 99.5 as 0 and 255`,
    )
    const intensity = Array.from({ length: shape.inChannels }, () => DEFAULT_INTENSITY)
    return { orientation: 'RAS', frame: { kind: 'field_of_view' }, image_size: size, intensity }
  }
  const { frame, intensity, image_size } = preparation
  if (intensity.length !== shape.inChannels)
    throw new InputError(
      `${path}: preparation has ${intensity.length} intensity rules, the model reads ${shape.inChannels} channels`,
    )
  if (image_size.join() === size.join()) return preparation
  say(`scans are brought to the model's ${size.join('×')}, its dataset's frame was ${image_size.join('×')}`)
  if (frame.kind !== 'spacing') return { ...preparation, image_size: size }
  // training.image_size resampled the frame as a whole, so its voxels became longer or shorter
  const spacing_mm = frame.spacing_mm.map((length, axis) => (length * image_size[axis]!) / size[axis]!) as ImageSize
  return { ...preparation, frame: { kind: 'spacing', spacing_mm }, image_size: size }
}

export interface PredictionRequest {
  config: Config
  /** wins over the one that the model was trained with */
  presenceThreshold?: number
  /** path of .pth or safetensors */
  weights: string
  /** an HDF5 file with images, a dataset's directory, or scans and folders of scans */
  input: string | readonly string[]
  /** of a dataset's directory */
  split: SplitName
  /** the UID of the one to take of a DICOM folder with several */
  series?: string | undefined
  /** folder that the results go to */
  output: string
  /** also write every output of the model */
  raw: boolean
  /** also write what masks are made of */
  probabilities?: boolean
  /** also write where the model looked for each structure */
  attention?: boolean
  /** slide a window of the model's size over each volume, the next covering this share of it again */
  overlap?: number
  /** average over inputs mirrored along these axes; 'trained' are those that training flipped */
  flips?: readonly number[] | 'trained'
  /** keep of each mask its largest component */
  largestComponent?: boolean
  /** gets the lines a user wants to see */
  say(line: string): void
  progress(samples: number, all: number): void
}

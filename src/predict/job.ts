import { basename, dirname, join } from 'node:path'
import type { Config } from '../config/schema.ts'
import { type DatasetFacts, openDataset, readMetadata, splitOf } from '../data/dataset/dataset.ts'
import { SPLIT_NAMES, type SplitName } from '../data/dataset/split.ts'
import { isScan } from '../data/scan/read_scan.ts'
import { isScanFolder, scanGroups } from '../data/scan/scan_groups.ts'
import { headerWarnings, warningLines } from '../data/scan/scan_warnings.ts'
import { VOLUME_ENDINGS } from '../data/scan/volume/names.ts'
import type { Ranks } from '../distributed/ranks.ts'
import { factDifferences, voxelDifferences } from '../run/dataset_facts.ts'
import { type Ensemble, thresholdOf, type WeightPaths, weightsOf } from '../run/ensemble.ts'
import { structureNamesOf, type TrainedModel } from '../run/trained_model.ts'
import { InputError } from '../util/error.ts'
import { fileNames } from '../util/files/file_names.ts'
import { factsOf, isFolder } from '../util/files/lookup.ts'
import type { ImageSize } from '../util/shape.ts'
import type { PredictionHead } from './files.ts'
import { hdf5Subjects } from './hdf5_subjects.ts'
import { flipsOver } from './inputs.ts'
import { preparationFor } from './preparation_for.ts'
import { scanSubjects } from './scan_subjects.ts'
import type { ModelGrid, Subjects } from './subjects.ts'

function checkRequest(
  { overlap, raw, flips, uncertainty }: PredictionRequest,
  { models, common: { path, patches, shape } }: Ensemble,
): void {
  if (overlap !== undefined && !patches)
    throw new InputError(
      `${path}: was not trained on patches ("patches": true in metadata.json), so sliding-window inference is impossible: its position priors tie it to ${shape.size.join('×')} voxels`,
    )
  if (overlap !== undefined && !(overlap >= 0 && overlap < 1))
    throw new InputError(`overlap is ${overlap}, expected a fraction of the window, at least 0 and below 1`)
  if (raw && (overlap !== undefined || flips))
    throw new InputError('raw outputs need a single pass over each sample, expected no sliding windows and no flips')
  if (raw && models.length > 1)
    throw new InputError(`raw outputs are those of one model, expected one file of weights, not ${models.length}`)
  if (uncertainty && models.length === 1)
    throw new InputError(`${path}: uncertainty is how far models disagree, expected the weights of at least two`)
}

/** The input: one HDF5 file, possibly of a dataset, or scans. */
type Source = { hdf5: string; dataset: DatasetFacts | undefined } | { scans: readonly string[] }

async function locate({ input, split: name }: PredictionRequest): Promise<Source> {
  const paths = typeof input === 'string' ? [input] : input
  const [path] = paths
  if (path === undefined) throw new InputError('no input, expected a scan, an HDF5 file or a folder')
  if (paths.length > 1 || isScan(path) || (isScanFolder(path) && !isDataset(path))) return { scans: paths }
  if (!isFolder(path)) return { hdf5: path, dataset: datasetOf(path) }
  if (!isDataset(path))
    throw new InputError(
      `${path}: expected a dataset (with metadata.json) or a folder of scans (${VOLUME_ENDINGS}, or DICOM)`,
    )
  const dataset = await openDataset(path)
  const split = splitOf(dataset, name)
  if (split.rows)
    throw new InputError(`${path}: holds some samples of ${split.path}, expected the scans, or that file as a whole`)
  return { hdf5: split.path, dataset }
}

/** The facts of the dataset that a file is a split of; undefined if it is none, or its metadata.json cannot be read: the images suffice. */
function datasetOf(file: string): DatasetFacts | undefined {
  const isSplit = SPLIT_NAMES.some(name => basename(file) === `${name}.h5`)
  if (!isSplit || !isDataset(dirname(file))) return undefined
  try {
    return readMetadata(dirname(file))
  } catch (error) {
    if (error instanceof InputError) return undefined
    throw error
  }
}

function isDataset(folder: string): boolean {
  return factsOf(join(folder, 'metadata.json')) !== undefined
}

/** The subjects to predict, and how. */
export interface PredictionJob {
  subjects: Subjects
  /** only for scans: the folder of each within the results */
  folders?: string[]
  head: PredictionHead
}

/**
 * Opens the input, checks it against the models and decides how to predict it. Tells `say` what the user may not expect. Throws InputError.
 */
export async function openJob(request: PredictionRequest, ensemble: Ensemble): Promise<PredictionJob> {
  checkRequest(request, ensemble)
  const model = ensemble.common
  const source = await locate(request)
  const { say, overlap, largestComponent = false, attention = false, uncertainty = false } = request
  const { size, inChannels } = model.shape
  const grid: ModelGrid = { path: model.path, channels: inChannels, size: [...size], isSlidOver: overlap !== undefined }
  const dataset = 'hdf5' in source ? source.dataset : undefined
  const head = {
    weights: weightsOf(ensemble),
    input: [request.input].flat().join(', '),
    structureNames: structureNamesOf(model, dataset?.structureNames),
    presenceThreshold: thresholdOf(ensemble, request),
    ...(overlap !== undefined && { overlap }),
    flips: flipsOver(flipAxesFor(request, ensemble)),
    isLargestComponent: largestComponent,
    hasAttention: attention,
    hasUncertainty: uncertainty,
  }
  if ('hdf5' in source) {
    const differences = dataset ? factDifferences(model, dataset, { isSlidOver: grid.isSlidOver }) : []
    const subjects = await hdf5Subjects(source.hdf5, grid)
    const warnings = [
      ...differences,
      ...(dataset?.preparation ? [] : voxelDifferences(model, subjects.stored!, grid.isSlidOver)),
    ]
    for (const warning of warnings) say(`warning: ${warning}`)
    reportSize(subjects.stored!.imageSize, grid, say)
    return { subjects, head: { ...head, input: source.hdf5, warnings } }
  }
  const groups = scanGroups(source.scans, inChannels)
  for (const line of warningLines(headerWarnings(groups.flatMap(({ paths }) => paths)))) say(`warning: ${line}`)
  const preparation = preparationFor(model, say)
  const { trainingScans } = model
  if (overlap !== undefined && preparation.frame.kind !== 'spacing')
    throw new InputError(
      `${model.path}: does not state its voxel size (preparation.frame), so sliding-window inference of scans is impossible`,
    )
  if (model.patches && overlap === undefined)
    say(`${model.path} was trained on patches: without --sliding-window, only one patch of each scan is predicted`)
  const folders = groups.length === 1 ? [''] : fileNames(groups.map(({ name }) => name))
  return {
    subjects: scanSubjects(groups, grid, { preparation, trainingScans, series: request.series, say }),
    folders,
    head: { ...head, preparation, warnings: [] },
  }
}

function reportSize(imageSize: ImageSize, { size, isSlidOver }: ModelGrid, say: (line: string) => void): void {
  const [from, to] = [imageSize, size].map(axes => axes.join('×'))
  if (from === to) return
  if (isSlidOver) say(`windows of ${to} slide over images of ${from}`)
  else say(`images are resampled from ${from} to the model's ${to}, and masks back to ${from}`)
}

/**
 * The axes to flip: the requested ones; for 'trained' those flipped in training, or left-right if unknown or none. Throws InputError if the
 * models were trained on different ones.
 */
function flipAxesFor({ flips, say }: PredictionRequest, { models, common }: Ensemble): readonly number[] {
  if (flips === undefined) return []
  const axesText = ({ flipAxes }: TrainedModel): string => flipAxes?.join(', ') || (flipAxes ? 'none' : 'unknown')
  const other = models.find(each => axesText(each) !== axesText(common))
  if (flips === 'trained' && other)
    throw new InputError(
      `${other.path}: training flipped along axis ${axesText(other)}, that of ${common.path} along ${axesText(common)}; name the axes: with augmentation.flip_axes=[0]`,
    )
  const axes = flips === 'trained' ? (common.flipAxes?.length ? common.flipAxes : [0]) : flips
  for (const { path, flipAxes: seen } of models) {
    const unseen = seen ? axes.filter(axis => !seen.includes(axis)) : []
    if (unseen.length > 0) say(`warning: ${path} was not trained on volumes flipped along axis ${unseen.join(', ')}`)
    if (!seen) say(`${path} does not state which axes training flipped; flipping along axis ${axes.join(', ')}`)
  }
  return axes
}

export interface PredictionRequest {
  config: Config
  /** overrides the model's */
  presenceThreshold?: number
  weights: WeightPaths
  /** an HDF5 file with images, a dataset folder, or scans and folders of scans */
  input: string | readonly string[]
  /** of a dataset folder */
  split: SplitName
  /** UID of the series to read from a DICOM folder with several */
  series?: string | undefined
  /** folder for the results */
  output: string
  /** replace files there that are not results of this program */
  overwrite?: boolean
  /** also write every output of the model */
  raw: boolean
  /** also write voxel probabilities */
  probabilities?: boolean
  /** also write the attention maps */
  attention?: boolean
  /** also write the standard deviation of the voxel probabilities over the models */
  uncertainty?: boolean
  /** sliding-window inference, with windows that overlap by this fraction */
  overlap?: number
  /** average over inputs mirrored along these axes; 'trained': those flipped in training */
  flips?: readonly number[] | 'trained'
  /** keep only the largest component of each mask */
  largestComponent?: boolean
  /** receives the lines that a user wants to see */
  say(line: string): void
  /** the processes that share the scans; this one alone by default */
  ranks?: Ranks
  progress(samples: number, all: number): void
  /** hears how many kernels are compiled, before the first batch */
  compiling?(done: number, all: number): void
}

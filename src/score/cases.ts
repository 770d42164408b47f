import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type DatasetJson, readDatasetJson } from '../data/import/dataset_json.ts'
import { entriesIn, type LabelFiles, MaskFolders, stemOf } from '../data/import/pairs.ts'
import { isTotalSegmentator, totalSegmentatorSubjects } from '../data/import/total_segmentator.ts'
import { isVolumeName, VOLUME_ENDINGS } from '../data/scan/volume/names.ts'
import { InputError } from '../util/error.ts'
import { factsOf, isFolder } from '../util/files/lookup.ts'
import { listed } from '../util/listing.ts'
import { isOwnPrediction, ownPredictions, type Predicted } from './predicted.ts'

/** The files of one scan to score. */
export interface ScanFilePair {
  name: string
  truth: LabelFiles
  predicted: Predicted
}

export interface FoundCases {
  cases: ScanFilePair[]
  /** labels without a prediction */
  unpredicted: string[]
  /** names the structures; undefined if there is none */
  json: DatasetJson | undefined
  notes: string[]
}

export interface CaseRequest {
  /** a label map per scan or a folder of masks per scan, a folder that `predict` wrote, or one file */
  predictions: string
  /** the same for the ground truth, or a dataset of nnU-Net, the Decathlon or TotalSegmentator */
  labels: string
  /** score the scans that have a prediction, although others have none */
  isPartial: boolean
}

/**
 * Pairs predictions with labels by name. Throws InputError with a missing path, if no label has a prediction, or if some have none and that was
 * not asked for: leaving them out in silence would flatter the predictions.
 */
export function findCases({ predictions, labels, isPartial }: CaseRequest): FoundCases {
  for (const path of [predictions, labels]) if (!factsOf(path)) throw new InputError(`${path}: no such file or folder`)
  const notes: string[] = []
  const truths = truthsAt(labels, line => notes.push(line))
  const predicted = isFolder(labels) ? predictionsAt(predictions) : onlyPrediction(predictions, stemOf(labels))
  const cases: ScanFilePair[] = []
  const unpredicted: string[] = []
  for (const [name, truth] of truths) {
    const found = predicted.get(name)
    if (found) cases.push({ name, truth: truth(), predicted: found() })
    else unpredicted.push(name)
  }
  if (cases.length === 0)
    throw new InputError(`${predictions}: no prediction has the name of a label in ${labels} (${listed(unpredicted)})`)
  if (unpredicted.length > 0 && !isPartial)
    throw new InputError(
      `${predictions}: holds no prediction for ${unpredicted.length} of ${truths.size} labels in ${labels} (${listed(unpredicted)}); --partial scores the others`,
    )
  const strangers = [...predicted.keys()].filter(name => !truths.has(name))
  if (strangers.length > 0)
    notes.push(`${predictions}: ${strangers.length} predictions have no label and are not scored: ${listed(strangers)}`)
  return { cases, unpredicted, json: jsonNear(labels, predictions), notes }
}

/** Files are looked at only if the other side has their name. */
type ByName<T> = Map<string, () => T>

function truthsAt(labels: string, say: (line: string) => void): ByName<LabelFiles> {
  if (!isFolder(labels)) return new Map([[stemOf(labels), () => fileAt(labels)]])
  if (isTotalSegmentator(labels)) {
    const reporting = { say, refuse }
    return new Map(totalSegmentatorSubjects(labels, reporting).map(({ name, label }) => [name, () => label]))
  }
  const folder = existsSync(join(labels, 'dataset.json')) ? join(labels, 'labelsTr') : labels
  return new Map([...stemsIn(folder)].map(([name, path]) => [name, () => labelAt(path)]))
}

function refuse(error: InputError): never {
  throw error
}

function predictionsAt(predictions: string): ByName<Predicted> {
  if (!isFolder(predictions))
    throw new InputError(`${predictions}: is a file, but the labels are a folder: expected a folder`)
  if (isOwnPrediction(predictions)) return new Map(ownPredictions(predictions).map(({ scan, open }) => [scan, open]))
  return new Map([...stemsIn(predictions)].map(([name, path]) => [name, () => ({ files: labelAt(path) })]))
}

/** The prediction for a single label file, whatever it is called. */
function onlyPrediction(path: string, name: string): ByName<Predicted> {
  if (!isFolder(path)) return new Map([[name, () => ({ files: fileAt(path) })]])
  if (!isOwnPrediction(path)) return new Map([[name, () => ({ files: labelAt(path) })]])
  const own = ownPredictions(path)
  return new Map(own.map(({ scan, open }) => [own.length === 1 ? name : scan, open]))
}

function stemsIn(folder: string): Map<string, string> {
  if (!isFolder(folder)) throw new InputError(`${folder}: no such folder, expected label volumes in it`)
  const { stems } = entriesIn(folder)
  if (stems.size === 0) throw new InputError(`${folder}: holds no volume (${VOLUME_ENDINGS}) and no folder of them`)
  return stems
}

/** A label map, a folder of masks, or a folder with them in segmentations/, as TotalSegmentator has. */
function labelAt(path: string): LabelFiles {
  const below = join(path, 'segmentations')
  return new MaskFolders(path).labelAt(isFolder(below) ? below : path)
}

function fileAt(path: string): LabelFiles {
  if (!isVolumeName(path)) throw new InputError(`${path}: expected a label volume (${VOLUME_ENDINGS}) or a folder`)
  return { kind: 'volume', path }
}

/** nnU-Net keeps dataset.json beside labelsTr, and copies it to its predictions. */
function jsonNear(labels: string, predictions: string): DatasetJson | undefined {
  for (const folder of [labels, dirname(labels), predictions]) {
    if (folder === dirname(labels) && !/^labelsT[rs]$/.test(basename(labels))) continue
    const json = isFolder(folder) ? readDatasetJson(folder) : undefined
    if (json) return json
  }
  return undefined
}

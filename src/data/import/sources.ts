import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { InputError } from '../../util/error.ts'
import type { SplitName } from '../dataset/split.ts'
import { isFolder } from '../scan/read_scan.ts'
import { type DatasetJson, readDatasetJson, subjectsOf } from './dataset_json.ts'
import { pairSubjects, type Refusal, type ScanFiles } from './pairs.ts'
import { checkStructures, type LabelledStructure } from './structures.ts'

/** A requested source: scans that were annotated in the same way. */
export interface SourceRequest {
  /** Prefix for its subjects' names, to distinguish sources with equal names. */
  name?: string
  /** A folder of scans, one scan, or a folder with a dataset.json of nnU-Net or the Medical Segmentation Decathlon. */
  images: string
  /** Its label maps or folders of masks. Default: those of the dataset.json. */
  labels?: string
  /** Default: those of the dataset.json, or without one every value or file that occurs. */
  structures?: readonly LabelledStructure[]
  /** The structures that the source annotates; all others are unknown in it. Default: all it names. */
  annotated?: readonly string[]
  /** Structures not annotated in single scans, by scan name. */
  notAnnotated?: Readonly<Record<string, readonly string[]>>
  /** A regular expression whose first group in a scan's name is the subject. Default: every scan is another subject. */
  subjectPattern?: string
  /** The split for the whole source. Default: divided at random. */
  split?: SplitName
}

/** A source and its files. */
export interface Source {
  /** its path, for messages */
  where: string
  scans: SourceScan[]
  /** undefined until its labels have been read */
  structures: readonly LabelledStructure[] | undefined
  annotated: readonly string[] | undefined
  notAnnotated: Readonly<Record<string, readonly string[]>>
  /** the label value of voxels that were not annotated */
  ignored: number | undefined
  channelNames: readonly string[] | undefined
  split: SplitName | undefined
  notes: string[]
}

export interface SourceScan extends ScanFiles {
  subject: string
}

/** Finds the files of a source and reads only its dataset.json. Throws InputError; single unusable files go to `refuse`. */
export function openSource(request: SourceRequest, refuse: Refusal): Source {
  const { json, subjects, notes } = locate(request, refuse)
  if (subjects.length === 0) throw new InputError(`${request.images}: holds no scan with a label`)
  const structures = request.structures ?? json?.structures
  if (structures) checkStructures(structures, json && !request.structures ? json.path : 'import')
  const subjectOf = subjectNamer(request)
  const prefix = request.name === undefined ? '' : `${request.name}/`
  return {
    where: request.images,
    scans: subjects.map(files => ({ ...files, name: prefix + files.name, subject: prefix + subjectOf(files.name) })),
    structures,
    annotated: request.annotated,
    notAnnotated: prefixed(request.notAnnotated ?? {}, prefix),
    ignored: json?.ignored,
    channelNames: json?.channelNames,
    split: request.split,
    notes,
  }
}

function locate({ images, labels }: SourceRequest, refuse: Refusal) {
  if (!existsSync(images)) throw new InputError(`${images}: no such file or folder`)
  const isRoot = isFolder(images) && existsSync(join(images, 'dataset.json'))
  const folder = isRoot ? images : dirname(images)
  const json: DatasetJson | undefined = readDatasetJson(folder)
  if (labels !== undefined) {
    const scans = isRoot ? join(images, 'imagesTr') : images
    return { json, subjects: pairSubjects(scans, labels, refuse), notes: [] }
  }
  if (!json)
    throw new InputError(
      `${images}: holds no dataset.json and no labels were given, expected --labels or a dataset of nnU-Net or the Decathlon`,
    )
  if (!isRoot && basename(images) !== 'imagesTr')
    throw new InputError(`${images}: has no labels, expected ${folder} or its imagesTr`)
  return { json, ...subjectsOf(folder, json, refuse) }
}

function subjectNamer({ subjectPattern }: SourceRequest): (scan: string) => string {
  if (subjectPattern === undefined) return scan => scan
  let pattern: RegExp
  try {
    pattern = new RegExp(subjectPattern)
  } catch (error) {
    throw new InputError(`import: subject pattern '${subjectPattern}': ${(error as Error).message}`)
  }
  return scan => {
    const subject = scan.match(pattern)?.[1]
    if (!subject)
      throw new InputError(
        `${scan}: the subject pattern '${subjectPattern}' does not match, expected its first group (…) to be the subject`,
      )
    return subject
  }
}

function prefixed<T>(record: Readonly<Record<string, T>>, prefix: string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [prefix + name, value]))
}

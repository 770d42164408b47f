import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { InputError } from '../../util/error.ts'
import { factsOf, isFolder } from '../../util/files/lookup.ts'
import type { SplitName } from '../dataset/split.ts'
import { type DatasetJson, readDatasetJson } from './dataset_json.ts'
import { type JsonSubject, sayCounts, subjectsOf } from './json_subjects.ts'
import { pairSubjects, type Refusal, type Reporting, type ScanFiles } from './pairs.ts'
import { checkStructures, type LabelledStructure } from './structures.ts'
import { isTotalSegmentator, totalSegmentatorSubjects } from './total_segmentator.ts'

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
  /** Label values that no structure needs, where no dataset.json names them. */
  leftOut?: readonly number[]
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
  /** names of label values besides those of the structures, from a dataset.json */
  declared: ReadonlyMap<number, string>
  /** the dataset.json that names all values its labels hold; undefined if nothing does */
  completeList: string | undefined
  leftOut: ReadonlySet<number>
  annotated: readonly string[] | undefined
  notAnnotated: Readonly<Record<string, readonly string[]>>
  /** the label value of voxels that were not annotated */
  ignored: number | undefined
  channelNames: readonly string[] | undefined
  notes: string[]
}

export interface SourceScan extends ScanFiles {
  subject: string
  /** undefined for those to be divided at random */
  split: SplitName | undefined
}

/**
 * Finds the files of a source and reads only its dataset.json. Its notes tell what the source holds or states and an import does not use.
 * Throws InputError; single unusable files go to `refuse`.
 */
export function openSource(request: SourceRequest, refuse: Refusal): Source {
  const notes: string[] = []
  const { json, subjects } = locate(request, { refuse, say: line => notes.push(line) })
  if (subjects.length === 0) throw new InputError(`${request.images}: holds no scan with a label`)
  const structures = request.structures ?? json?.structures
  if (structures) checkStructures(structures, json && !request.structures ? json.path : 'structures')
  const isCompleteList = json !== undefined && (request.structures === undefined || request.labels === undefined)
  const subjectOf = subjectNamer(request)
  const prefix = request.name === undefined ? '' : `${request.name}/`
  return {
    where: request.images,
    scans: subjects.map(({ name, images, label, split }) => ({
      name: prefix + name,
      subject: prefix + subjectOf(name),
      images,
      label,
      split: request.split ?? split,
    })),
    structures,
    declared: json?.declared ?? new Map(),
    completeList: isCompleteList ? json.path : undefined,
    leftOut: leftOutOf(request),
    annotated: request.annotated,
    notAnnotated: prefixed(request.notAnnotated ?? {}, prefix),
    ignored: json?.ignored,
    channelNames: json?.channelNames,
    notes: [...(json?.notes ?? []), ...notes],
  }
}

function leftOutOf({ leftOut = [], structures = [] }: SourceRequest): Set<number> {
  const values = new Set(leftOut)
  const both = structures.find(({ marks }) => marks.some(mark => values.has(mark as number)))
  if (both) throw new InputError(`a value of '${both.name}' is also left out, expected one of the two`)
  return values
}

function locate(
  { images, labels }: SourceRequest,
  reporting: Reporting,
): { json: DatasetJson | undefined; subjects: readonly JsonSubject[] } {
  if (!factsOf(images)) throw new InputError(`${images}: no such file or folder`)
  const isRoot = isFolder(images) && existsSync(join(images, 'dataset.json'))
  const folder = isRoot ? images : dirname(images)
  const json = readDatasetJson(folder)
  if (json === undefined && isTotalSegmentator(images)) {
    if (labels !== undefined)
      throw new InputError(`${images}: its subjects have their masks in segmentations/, expected no --labels`)
    return { json, subjects: totalSegmentatorSubjects(images, reporting) }
  }
  if (!json && labels === undefined)
    throw new InputError(
      `${images}: holds no dataset.json and no labels were given, expected --labels or a dataset of nnU-Net, the Decathlon or TotalSegmentator`,
    )
  if (labels === undefined && !isRoot && basename(images) !== 'imagesTr')
    throw new InputError(`${images}: has no labels, expected ${folder} or its imagesTr`)
  const subjects =
    labels !== undefined
      ? pairSubjects(isRoot ? join(images, 'imagesTr') : images, labels, reporting)
      : subjectsOf(folder, json!, reporting)
  if (json && (isRoot || basename(images) === 'imagesTr')) sayCounts(folder, json, subjects, reporting)
  return { json, subjects }
}

/** The subject of a scan by its name. */
export function subjectNamer({ subjectPattern }: Pick<SourceRequest, 'subjectPattern'>): (scan: string) => string {
  if (subjectPattern === undefined) return scan => scan
  let pattern: RegExp
  try {
    pattern = new RegExp(subjectPattern)
  } catch (error) {
    throw new InputError(`subject pattern '${subjectPattern}': ${(error as Error).message}`)
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

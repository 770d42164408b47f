import { existsSync } from 'node:fs'
import { isAbsolute, join, relative, resolve } from 'node:path'
import { z } from 'zod'
import { InputError } from '../../util/error.ts'
import { jsonValue, refuseProtoKey } from '../../util/json.ts'
import { listed } from '../../util/listing.ts'
import { readText } from '../../util/whole_file.ts'
import type { SplitName } from '../dataset/split.ts'
import { isVolumeName, VOLUME_ENDINGS } from '../scan/volume/names.ts'
import { stemOf } from './pairs.ts'
import type { LabelledStructure } from './structures.ts'

const marks = z.union([z.int(), z.array(z.int()).min(1)])
const files = z.union([z.string().transform(path => [path]), z.array(z.string()).min(1)])
const labelled = z.object({ image: files, label: z.string() })
/** test scans mostly have no labels: then a path, or an image alone */
const unlabelled = z.union([labelled, z.object({ image: files }), files.transform(image => ({ image }))])
const count = z.int().min(0).optional().catch(undefined)

/** The entries used from dataset.json of nnU-Net and the Medical Segmentation Decathlon; the split lists also as MONAI names them. */
const schema = z.looseObject({
  /** nnU-Net 2: {"liver": 1}, or regions {"whole tumour": [1, 2, 3]}; nnU-Net 1 and the Decathlon: {"1": "liver"} */
  labels: z.union([z.record(z.string(), marks), z.record(z.string().regex(/^-?\d+$/), z.string().min(1))]),
  channel_names: z.record(z.string(), z.string()).optional(),
  modality: z.record(z.string(), z.string()).optional(),
  file_ending: z.string().optional(),
  numTraining: count,
  numTest: count,
  training: z.array(labelled).optional(),
  validation: z.array(unlabelled).optional(),
  test: z.array(unlabelled).optional(),
  testing: z.array(unlabelled).optional(),
  dataset: z.record(z.string(), z.object({ images: z.array(z.string()).min(1), label: z.string() })).optional(),
})

const LABELLED = '[{"image": path, "label": path}]'
const EXPECTED: ReadonlyMap<string, string> = new Map([
  ['labels', '{"name": value or [values]} or {"value": "name"}'],
  ['training', LABELLED],
  ['validation', LABELLED],
  ['test', `${LABELLED} or [path]`],
  ['testing', `${LABELLED} or [path]`],
  ['dataset', '{"case": {"images": [path], "label": path}}'],
])

export interface DatasetJson {
  path: string
  structures: LabelledStructure[]
  /** names of the label values, the background among them */
  declared: ReadonlyMap<number, string>
  /** nnU-Net's label `ignore` for voxels that were not annotated */
  ignored: number | undefined
  /** e.g. ["CT"]; undefined if not given */
  channelNames: string[] | undefined
  /** subjects that the file lists with their files */
  listed: ListedSubject[]
  /** paths of scans that it lists without labels, by the key of the list */
  unlabelled: ReadonlyMap<string, string[]>
  /** how many subjects it says there are */
  counts: { training: number | undefined; test: number | undefined }
  /** what it says that an import cannot use */
  notes: string[]
}

export interface ListedSubject {
  name: string
  images: string[]
  label: string
  /** of the list it is in; undefined for those to be divided */
  split: SplitName | undefined
}

/** The dataset.json in `folder`; undefined if there is none. Throws InputError if it is damaged or names no structure. */
export function readDatasetJson(folder: string): DatasetJson | undefined {
  const path = join(folder, 'dataset.json')
  if (!existsSync(path)) return undefined
  const content = parse(path)
  const { file_ending, channel_names, modality, numTraining, numTest } = content
  if (file_ending !== undefined && !isVolumeName(`x${file_ending}`))
    throw new InputError(`${path}: file_ending is ${file_ending}, expected ${VOLUME_ENDINGS}`)
  return {
    path,
    ...labelsOf(content, path),
    channelNames: channelsOf(channel_names ?? modality, channel_names ? 'channel_names' : 'modality', path),
    ...subjectsIn(content, folder, path),
    counts: { training: numTraining, test: numTest },
  }
}

type Content = z.infer<typeof schema>

function labelsOf(
  { labels, channel_names }: Content,
  path: string,
): Pick<DatasetJson, 'structures' | 'declared' | 'ignored' | 'notes'> {
  const named = Object.entries(labels).map(([key, value]) =>
    typeof value === 'string' ? { name: value, marks: [Number(key)] } : { name: key, marks: [value].flat() },
  )
  const declared = new Map<number, string>([[0, 'background']])
  for (const { name, marks } of named) for (const mark of marks) if (!declared.has(mark)) declared.set(mark, name)
  const isIgnored = ({ name }: LabelledStructure): boolean => name === 'ignore' && channel_names !== undefined
  const ignored = named.find(isIgnored)?.marks
  if (ignored && ignored.length > 1)
    throw new InputError(`${path}: labels: ignore is [${listed(ignored.map(String))}], expected one value`)
  const structures = named
    .map(({ name, marks }) => ({ name, marks: marks.filter(mark => mark !== 0) }))
    .filter(structure => structure.marks.length > 0 && !isIgnored(structure))
    .sort((a, b) => a.marks[0]! - b.marks[0]!)
  if (structures.length === 0) throw new InputError(`${path}: labels names only the background`)
  const onZero = named.filter(({ name, marks }) => marks.includes(0) && !BACKGROUND.test(name))
  const notes = onZero.map(
    ({ name }) => `${path}: label 0 counts as background, which is no structure and no part of '${name}'`,
  )
  return { structures, declared, ignored: ignored?.[0], notes }
}

/** How datasets call label 0. */
const BACKGROUND = /^(back.?ground|bg|clear|none|nothing|void|air|outside|other|un.?label)/i

/** Channel names in the order of their numeric keys: in nnU-Net, {"0": "CT"} names channel 0. */
function channelsOf(names: Record<string, string> | undefined, key: string, path: string): string[] | undefined {
  if (!names) return undefined
  const numbers = Object.keys(names).sort((a, b) => Number(a) - Number(b))
  if (numbers.some((number, c) => number !== String(c)))
    throw new InputError(`${path}: ${key} has the keys ${listed(numbers)}, expected "0", "1", … without a gap`)
  return numbers.map(number => names[number]!)
}

function subjectsIn(
  { training = [], validation = [], test = [], testing = [], dataset = {} }: Content,
  folder: string,
  json: string,
): Pick<DatasetJson, 'listed' | 'unlabelled'> {
  const inFolder = (path: string): string => inside(folder, path, json)
  const subjects: ListedSubject[] = []
  const unlabelled = new Map<string, string[]>()
  const lists = { training, validation, test, testing }
  for (const [key, entries] of Object.entries(lists))
    for (const { image, ...rest } of entries) {
      const images = image.map(inFolder)
      if ('label' in rest)
        subjects.push({ name: stemOf(rest.label), images, label: inFolder(rest.label), split: SPLIT_OF[key] })
      else unlabelled.set(key, [...(unlabelled.get(key) ?? []), ...images])
    }
  for (const [name, { images, label }] of Object.entries(dataset))
    subjects.push({ name, images: images.map(inFolder), label: inFolder(label), split: undefined })
  return { listed: subjects, unlabelled }
}

const SPLIT_OF: Readonly<Record<string, SplitName | undefined>> = { validation: 'val', test: 'test', testing: 'test' }

function parse(path: string): Content {
  const content = jsonValue(readText(path), path)
  refuseProtoKey(content, path)
  const parsed = schema.safeParse(content)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  const key = String(issue.path[0] ?? '')
  const expected = EXPECTED.get(key)
  throw new InputError(`${path}: ${key || 'the whole file'}: ${expected ? `expected ${expected}` : issue.message}`)
}

/** Resolves a path from a dataset.json. Throws InputError if it leads outside the dataset. */
function inside(folder: string, path: string, json: string): string {
  const below = relative(folder, resolve(folder, path))
  if (below.startsWith('..') || isAbsolute(below))
    throw new InputError(`${json}: '${path}' leads outside the dataset, expected a path below ${folder}`)
  return join(folder, below)
}

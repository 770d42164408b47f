import { existsSync, readdirSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { z } from 'zod'
import { InputError } from '../../util/error.ts'
import { jsonValue, refuseProtoKey } from '../../util/json.ts'
import { readText } from '../../util/whole_file.ts'
import { areChannels, pairSubjects, type Refusal, type ScanFiles, stemOf } from './pairs.ts'
import type { LabelledStructure } from './structures.ts'

const marks = z.union([z.int(), z.array(z.int()).min(1)])

/** The entries used from dataset.json of nnU-Net and the Medical Segmentation Decathlon. */
const schema = z.looseObject({
  /** nnU-Net 2: {"liver": 1}, or regions {"whole tumour": [1, 2, 3]}; nnU-Net 1 and the Decathlon: {"1": "liver"} */
  labels: z.union([z.record(z.string(), marks), z.record(z.string().regex(/^-?\d+$/), z.string().min(1))]),
  channel_names: z.record(z.string(), z.string()).optional(),
  modality: z.record(z.string(), z.string()).optional(),
  file_ending: z.string().optional(),
  training: z.array(z.object({ image: z.string(), label: z.string() })).optional(),
  dataset: z.record(z.string(), z.object({ images: z.array(z.string()).min(1), label: z.string() })).optional(),
})

const EXPECTED: Readonly<Record<string, string>> = {
  labels: '{"name": value or [values]} or {"value": "name"}',
  training: '[{"image": path, "label": path}]',
  dataset: '{"case": {"images": [path], "label": path}}',
}

export interface DatasetJson {
  path: string
  structures: LabelledStructure[]
  /** nnU-Net's label `ignore` for voxels that were not annotated */
  ignored: number | undefined
  /** e.g. ["CT"]; undefined if not given */
  channelNames: string[] | undefined
  /** subjects that the file lists with their files */
  listed: Listed[]
}

interface Listed {
  name: string
  images: string[]
  label: string
}

/** The dataset.json in `folder`; undefined if there is none. Throws InputError if it is damaged or names no structure. */
export function readDatasetJson(folder: string): DatasetJson | undefined {
  const path = join(folder, 'dataset.json')
  if (!existsSync(path)) return undefined
  const { labels, channel_names, modality, file_ending, training = [], dataset = {} } = parse(path)
  if (file_ending !== undefined && !/^\.nii(\.gz)?$/i.test(file_ending))
    throw new InputError(`${path}: file_ending is ${file_ending}, expected .nii.gz or .nii`)
  const named = Object.entries(labels)
    .map(([key, value]) =>
      typeof value === 'string' ? { name: value, marks: [Number(key)] } : structureOf(key, value),
    )
    .filter(({ marks }) => marks.length > 0 && marks.join() !== '0')
  const isIgnored = ({ name }: LabelledStructure): boolean => name === 'ignore' && channel_names !== undefined
  const structures = named.filter(structure => !isIgnored(structure)).sort((a, b) => a.marks[0]! - b.marks[0]!)
  if (structures.length === 0) throw new InputError(`${path}: labels names only the background`)
  const channelNames = channelsOf(channel_names ?? modality)
  const listed = [
    ...training.map(({ image, label }) => ({ name: stemOf(label), images: [image], label })),
    ...Object.entries(dataset).map(([name, files]) => ({ name, ...files })),
  ].map(({ name, images, label }) => ({
    name,
    images: images.map(image => inside(folder, image, path)),
    label: inside(folder, label, path),
  }))
  return { path, structures, ignored: named.find(isIgnored)?.marks[0], channelNames, listed }
}

function structureOf(name: string, marks: number | number[]): { name: string; marks: number[] } {
  return { name, marks: typeof marks === 'number' ? [marks] : marks.filter(mark => mark !== 0) }
}

/** Channel names in the order of their numeric keys: in nnU-Net, {"0": "CT"} names channel 0. */
function channelsOf(names: Record<string, string> | undefined): string[] | undefined {
  if (!names) return undefined
  return Object.entries(names)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, name]) => name)
}

function parse(path: string): z.infer<typeof schema> {
  const content = jsonValue(readText(path), path)
  refuseProtoKey(content, path)
  const parsed = schema.safeParse(content)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  const key = String(issue.path[0] ?? '')
  throw new InputError(
    `${path}: ${key || 'the whole file'}: ${EXPECTED[key] ? `expected ${EXPECTED[key]}` : issue.message}`,
  )
}

/** Resolves a path from a dataset.json. Throws InputError if it leads outside the dataset. */
function inside(folder: string, path: string, json: string): string {
  const below = relative(folder, resolve(folder, path))
  if (below.startsWith('..') || isAbsolute(below))
    throw new InputError(`${json}: '${path}' leads outside the dataset, expected a path below ${folder}`)
  return join(folder, below)
}

/** The labelled subjects of the dataset in `folder`, and a note about unlabelled files. */
export function subjectsOf(
  folder: string,
  json: DatasetJson,
  refuse: Refusal,
): { subjects: ScanFiles[]; notes: string[] } {
  const subjects =
    json.listed.length > 0
      ? json.listed
          .map(channelsAt)
          .map(({ label, ...files }) => ({ ...files, label: { kind: 'volume' as const, path: label } }))
      : pairSubjects(join(folder, 'imagesTr'), join(folder, 'labelsTr'), refuse)
  const unlabelled = join(folder, 'imagesTs')
  const count = existsSync(unlabelled) ? readdirSync(unlabelled).filter(name => !name.startsWith('.')).length : 0
  return { subjects, notes: count > 0 ? [`${unlabelled}: ${count} files without labels are not imported`] : [] }
}

/** nnU-Net 1 lists case.nii.gz although the folder holds case_0000.nii.gz, case_0001.nii.gz … */
function channelsAt(listed: Listed): Listed {
  const [image] = listed.images
  if (listed.images.length > 1 || existsSync(image!)) return listed
  const folder = dirname(image!)
  if (!existsSync(folder)) throw new InputError(`${folder}: no such file or folder`)
  const name = stemOf(image!)
  const images = readdirSync(folder)
    .filter(file => stemOf(file).replace(/_\d{4}$/, '') === name && !file.startsWith('.'))
    .sort()
    .map(file => join(folder, file))
  return images.length > 0 && areChannels(name, images) ? { ...listed, images } : listed
}

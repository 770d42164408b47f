import { join } from 'node:path'
import { z } from 'zod'
import { InputError } from '../../src/util/error.ts'
import { makeFolder } from '../../src/util/files/folder.ts'
import { namesIn } from '../../src/util/files/lookup.ts'
import { parseJson } from '../../src/util/json.ts'
import { OP_GENERATE, RandomStream } from '../../src/util/random.ts'
import { readText, writeJson } from '../../src/util/whole_file.ts'
import type { LabelledScan, LabelledScans, Structure } from '../outcome/scans.ts'
import { cropped, profileOf, readVolume, type Volume, writeLabels, writeScan } from './crop.ts'
import { drawPair, type Profile, presenceAt, shareIn, type Window } from './windows.ts'

/** Truth of one crop. */
const crop = z.object({
  name: z.string(),
  subject: z.string(),
  part: z.enum(['train', 'test']),
  /** the structure that it was drawn to lack or to keep */
  drawn_for: z.string(),
  slices: z.object({ start: z.int(), end: z.int() }),
  /** of each structure's volume */
  shares: z.record(z.string(), z.number()),
  /** 1 present, 0 absent, −1 unknown */
  presence: z.record(z.string(), z.union([z.literal(1), z.literal(0), z.literal(-1)])),
})

const schema = z.object({
  axis: z.int(),
  seed: z.int(),
  /** label values of each structure */
  structures: z.array(z.object({ name: z.string(), values: z.array(z.int()).min(1) })).min(1),
  /** scans without a length that allows both crops, by structure */
  without_pair: z.record(z.string(), z.array(z.string())),
  crops: z.array(crop),
})

export type AbsenceSet = z.infer<typeof schema>
export type Crop = z.infer<typeof crop>

/** The truth of a set, beside its sources.json. */
const CROPS = 'crops.json'
const SOURCES = 'sources.json'
const PARTS = ['train', 'test'] as const

export interface AbsenceRequest {
  scans: LabelledScans
  /** names of the scans that are held out: theirs are the crops for testing */
  heldOut: ReadonlySet<string>
  /** along which the field of view ends: 0 right, 1 anterior, 2 superior */
  axis: number
  seed: number
  outputDir: string
  progress?(done: number, all: number): void
}

/**
 * Makes scans with true absences by field of view: for each scan and structure two crops of one length along an axis, one that lacks the
 * structure and one that keeps it. A structure with under 5 % of its volume in a crop is absent, and its voxels are removed from the labels;
 * with 95 % or more it is present; in between it is unknown, which sources.json tells `import`. Writes scans and labels for training and for
 * testing, sources.json and crops.json. Throws InputError if the folder holds anything else than an earlier set.
 */
export async function makeAbsenceSet(request: AbsenceRequest): Promise<AbsenceSet> {
  const { scans, axis, seed, outputDir } = request
  makeFolder(outputDir, 'a folder for the set')
  const others = namesIn(outputDir).filter(name => ![...PARTS, SOURCES, CROPS].includes(name) && !name.startsWith('.'))
  if (others.length > 0)
    throw new InputError(`${outputDir}: holds ${others[0]}, expected an empty folder or an earlier set`)
  for (const part of PARTS)
    for (const kind of ['images', 'labels']) makeFolder(join(outputDir, part, kind), 'a folder for the set')
  const crops: Crop[] = []
  const withoutPair: Record<string, string[]> = Object.fromEntries(scans.structures.map(({ name }) => [name, []]))
  for (const [index, scan] of scans.scans.entries()) {
    const label = readVolume(scan.label)
    const image = readVolume(onlyImage(scan))
    for (const plan of planned(scan, label, { ...request, index }, withoutPair)) {
      writeCrop(plan, { image, label }, request)
      crops.push(plan)
    }
    request.progress?.(index + 1, scans.scans.length)
    await new Promise(resolve => setImmediate(resolve)) // lets signals through
  }
  if (crops.length === 0) throw new InputError(`${scans.folder}: no scan allows two crops of one length`)
  const set = { axis, seed, structures: [...scans.structures], without_pair: withoutPair, crops }
  writeJson(join(outputDir, SOURCES), sourcesOf(set))
  writeJson(join(outputDir, CROPS), set)
  return set
}

function onlyImage({ name, images }: LabelledScan): string {
  if (images.length !== 1) throw new InputError(`${name}: has ${images.length} channels, expected one`)
  return images[0]!
}

/** Reads the truth of a set. Throws InputError with the invalid entry. */
export function readAbsenceSet(folder: string): AbsenceSet {
  const path = join(folder, CROPS)
  return parseJson(readText(path, 'the crops.json of an absence set'), path, schema)
}

/** The crops of one scan. */
function planned(
  { name, subject }: LabelledScan,
  label: Volume,
  { scans, axis, seed, index, heldOut }: AbsenceRequest & { index: number },
  withoutPair: Record<string, string[]>,
): Crop[] {
  const random = new RandomStream({ seed, operation: OP_GENERATE, sample: index })
  const profiles = scans.structures.map(structure => profileOfAll(label, structure, axis))
  const crops: Crop[] = []
  for (const [s, { name: drawn_for }] of scans.structures.entries()) {
    const hasVoxels = profiles[s]!.some(count => count > 0)
    const pair = hasVoxels ? drawPair(profiles[s]!, random) : undefined
    if (!pair) withoutPair[drawn_for]!.push(name)
    else
      for (const slices of [pair.lacking, pair.keeping]) {
        const shares = scans.structures.map((structure, i) => [structure.name, shareOf(profiles[i]!, slices)] as const)
        crops.push({
          name: `${name}__${crops.length + 1}`,
          subject,
          part: heldOut.has(name) ? 'test' : 'train',
          drawn_for,
          slices,
          shares: Object.fromEntries(shares),
          presence: Object.fromEntries(shares.map(([structure, share]) => [structure, presenceAt(share)])),
        })
      }
  }
  return crops
}

function profileOfAll(label: Volume, { values }: Structure, axis: number): Profile {
  const profiles = values.map(value => profileOf(label, value, axis))
  return profiles[0]!.map((_, slice) => profiles.reduce((sum, profile) => sum + profile[slice]!, 0))
}

/** A structure that the whole scan lacks is in no crop of it. */
function shareOf(profile: Profile, slices: Window): number {
  return profile.some(count => count > 0) ? shareIn(profile, slices) : 0
}

function writeCrop(
  { name, part, slices, presence }: Crop,
  { image, label }: { image: Volume; label: Volume },
  { axis, outputDir, scans }: AbsenceRequest,
): void {
  const file = `${name}.nii.gz`
  const absent = scans.structures.filter(structure => presence[structure.name] === 0)
  writeScan(join(outputDir, part, 'images', file), cropped(image, axis, slices))
  const removed = new Set(absent.flatMap(({ values }) => values))
  writeLabels(join(outputDir, part, 'labels', file), cropped(label, axis, slices), removed)
}

/** What `import --manifest` reads: all crops of a subject share a split, and structures that are cut are not annotated. */
function sourcesOf({ structures, crops }: AbsenceSet): object {
  const marks = Object.fromEntries(structures.map(({ name, values }) => [name, values]))
  const sources = PARTS.filter(part => crops.some(each => each.part === part)).map(part => {
    const unknown = crops
      .filter(each => each.part === part)
      .map(({ name, presence }) => [name, Object.keys(presence).filter(each => presence[each] === -1)] as const)
    return {
      images: join(part, 'images'),
      labels: join(part, 'labels'),
      structures: marks,
      not_annotated: Object.fromEntries(unknown.filter(([, names]) => names.length > 0)),
      subject_pattern: '^(.+)__\\d+$',
      ...(part === 'test' && { split: 'test' }),
    }
  })
  return { sources }
}

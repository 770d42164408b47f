import { existsSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { InputError } from '../../util/error.ts'
import { factsOf, namesIn } from '../../util/files/lookup.ts'
import { listed } from '../../util/listing.ts'
import type { SplitName } from '../dataset/split.ts'
import { isVolumeName } from '../scan/volume/names.ts'
import type { DatasetJson, ListedSubject } from './dataset_json.ts'
import { areChannels, pairSubjects, type Reporting, type ScanFiles, stemOf } from './pairs.ts'

/** A subject of a dataset.json, with the split of the list that names it. */
export interface JsonSubject extends ScanFiles {
  split?: SplitName
}

/** The labelled subjects of the dataset in `folder`. Says what it lists or holds besides them. */
export function subjectsOf(folder: string, json: DatasetJson, reporting: Reporting): JsonSubject[] {
  if (json.listed.length > 0) return listedSubjects(folder, json, reporting)
  return pairSubjects(join(folder, 'imagesTr'), join(folder, 'labelsTr'), reporting)
}

/** Says where a dataset.json and the folder beside it disagree on the number of subjects, and which scans stay behind. */
export function sayCounts(
  folder: string,
  { path, counts, unlabelled, listed }: DatasetJson,
  subjects: readonly JsonSubject[],
  { say }: Reporting,
): void {
  const training = subjects.filter(({ split }) => split === undefined).length
  if (counts.training !== undefined && counts.training !== training)
    say(`${path}: numTraining is ${counts.training}, ${training} labelled subjects are there`)
  for (const [key, paths] of unlabelled)
    say(`${path}: ${key} lists ${paths.length} scans without labels, which are not imported`)
  const test = join(folder, 'imagesTs')
  const found = filesIn(test)
  const cases = new Set(found.map(caseOf)).size
  if (counts.test !== undefined && counts.test !== cases)
    say(`${path}: numTest is ${counts.test}, imagesTs holds ${cases}`)
  const known = new Set([...unlabelled.values(), ...listed.map(({ images }) => images)].flat())
  const rest = found.filter(file => !known.has(file)).length
  if (rest === 0) return
  const hasLabels = filesIn(join(folder, 'labelsTs')).length > 0
  if (hasLabels) say(`${test}: ${rest} files are not imported; a --manifest can list them, with labelsTs, as a source`)
  else say(`${test}: ${rest} files without labels are not imported`)
}

/** nnU-Net: case_0000.nii.gz is channel 0 of case. */
function caseOf(file: string): string {
  return stemOf(file).replace(/_\d{4}$/, '')
}

function listedSubjects(folder: string, { path, listed: subjects }: DatasetJson, { say }: Reporting): JsonSubject[] {
  const folders = new Map<string, Map<string, string[]>>()
  const resolved = subjects.map(subject => channelsAt(subject, folders))
  const used = new Set(resolved.flatMap(({ images, label }) => [...images, label]))
  for (const name of ['imagesTr', 'labelsTr']) {
    const others = filesIn(join(folder, name)).filter(file => !used.has(file))
    if (others.length > 0)
      say(
        `${join(folder, name)}: ${others.length} files are not listed in ${basename(path)} and not imported: ${listed(others.map(file => relative(join(folder, name), file)))}`,
      )
  }
  return resolved.map(({ name, images, label, split }) => ({
    name,
    images,
    label: { kind: 'volume', path: label },
    ...(split && { split }),
  }))
}

/** nnU-Net 1 lists case.nii.gz although the folder holds case_0000.nii.gz, case_0001.nii.gz … `folders` keeps what has been read. */
function channelsAt(subject: ListedSubject, folders: Map<string, Map<string, string[]>>): ListedSubject {
  const [image] = subject.images
  if (subject.images.length > 1 || existsSync(image!)) return subject
  const folder = dirname(image!)
  const name = stemOf(image!)
  const cases = folders.get(folder) ?? casesIn(folder)
  folders.set(folder, cases)
  const images = cases.get(name) ?? []
  return images.length > 0 && areChannels(name, images) ? { ...subject, images } : subject
}

/** The volumes of a folder by the name before the channel number, sorted. */
function casesIn(folder: string): Map<string, string[]> {
  if (!factsOf(folder)) throw new InputError(`${folder}: no such file or folder`)
  const cases = new Map<string, string[]>()
  for (const file of filesIn(folder)) {
    const name = caseOf(file)
    const found = cases.get(name)
    if (found) found.push(file)
    else cases.set(name, [file])
  }
  return cases
}

/** The volumes of a folder, sorted; none if there is no such folder. */
function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  return namesIn(folder)
    .filter(name => !name.startsWith('.') && isVolumeName(name))
    .sort()
    .map(name => join(folder, name))
}

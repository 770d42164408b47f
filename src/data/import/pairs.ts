import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { InputError } from '../../util/error.ts'
import { isFolder, isNiftiName, isScan } from '../scan/read_scan.ts'

/** The files of one scan. Several images are its channels, in order. */
export interface ScanFiles {
  name: string
  images: string[] // NIfTI files, or DICOM series (a folder or a single file)
  label: LabelFiles
}

/** A label map, or a folder with one binary mask per structure (masks may overlap). */
export type LabelFiles =
  | { kind: 'volume'; path: string }
  | { kind: 'folder'; path: string; files: ReadonlyMap<string, string> }

/** Handles an unusable file: throws, or notes it and continues. */
export type Refusal = (error: InputError) => void

const CHANNEL_SUFFIX = /_(\d{4})$/ // nnU-Net: case_0000.nii.gz, case_0001.nii.gz

/**
 * Pairs images with labels. Two files are one subject. In two folders, entries with the same stem belong together; stem_0000,
 * stem_0001 … are the channels of stem. An image is a NIfTI file or a folder with a DICOM series; a label is a NIfTI file or a
 * folder with one per structure. Subjects are sorted by name.
 * Throws InputError with a missing path; unpaired entries go to `refuse`.
 */
export function pairSubjects(images: string, labels: string, refuse: Refusal): ScanFiles[] {
  for (const path of [images, labels]) if (!existsSync(path)) throw new InputError(`${path}: no such file or folder`)
  if (!isFolder(images) || isScan(images)) return [{ name: stemOf(images), images: [images], label: labelAt(labels) }]
  if (!isFolder(labels)) throw new InputError(`${images}, ${labels}: expected two files or two folders`)
  const labelled = stemsIn(labels)
  const subjects = new Map<string, string[]>()
  for (const [stem, path] of stemsIn(images)) {
    const name = labelled.has(stem) ? stem : stem.replace(CHANNEL_SUFFIX, '')
    if (labelled.has(name)) subjects.set(name, [...(subjects.get(name) ?? []), path])
    else refuse(new InputError(`${path}: no label of that name in ${labels}`))
  }
  const pairs: ScanFiles[] = []
  for (const [name, path] of labelled) {
    const found = subjects.get(name)
    if (!found) refuse(new InputError(`${path}: no image of that name in ${images}`))
    else if (areChannels(name, found)) pairs.push({ name, images: found, label: labelAt(path) })
    else refuse(new InputError(`${found.join(', ')}: expected ${name}_0000, ${name}_0001, … without a gap`))
  }
  return pairs
}

/** The label at `path`, a file or a folder. Throws InputError if the folder holds no NIfTI file. */
export function labelAt(path: string): LabelFiles {
  if (!isFolder(path)) return { kind: 'volume', path }
  const files = new Map([...stemsIn(path)].filter(([, file]) => isNiftiName(file)))
  if (files.size === 0) throw new InputError(`${path}: holds no .nii or .nii.gz file`)
  return { kind: 'folder', path, files }
}

/** Whether `images` are a single image, or channels 0000, 0001 … in order. */
export function areChannels(name: string, images: readonly string[]): boolean {
  if (images.length === 1 && stemOf(images[0]!) === name) return true
  return images.every((path, channel) => stemOf(path) === `${name}_${String(channel).padStart(4, '0')}`)
}

export function stemOf(path: string): string {
  return basename(path).replace(/\.(nii(\.gz)?|dcm)$/i, '')
}

/** NIfTI files and folders by stem, sorted by name. Throws InputError if two have the same stem, or there are none. */
function stemsIn(folder: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const path of entriesOf(folder)) {
    if (!isNiftiName(path) && !isFolder(path)) continue
    const other = found.get(stemOf(path))
    if (other) throw new InputError(`${path}: has the same name as ${other}, expected one of them`)
    found.set(stemOf(path), path)
  }
  if (found.size === 0) throw new InputError(`${folder}: holds no .nii or .nii.gz file`)
  return found
}

function entriesOf(folder: string): string[] {
  return readdirSync(folder)
    .filter(name => !name.startsWith('.'))
    .sort()
    .map(name => join(folder, name))
}

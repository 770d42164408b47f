import { basename, join } from 'node:path'
import { InputError } from '../../util/error.ts'
import { factsOf, isFolder, namesIn } from '../../util/files/lookup.ts'
import { listed } from '../../util/listing.ts'
import { isScan } from '../scan/read_scan.ts'
import { isDataFile, isVolumeName, VOLUME_ENDINGS, volumeStem } from '../scan/volume/names.ts'

/** The files of one scan. Several images are its channels, in order. */
export interface ScanFiles {
  name: string
  images: string[] // volumes, or DICOM series (a folder or a single file)
  label: LabelFiles
}

/** A label map, or a folder with one binary mask per structure (masks may overlap). */
export type LabelFiles =
  | { kind: 'volume'; path: string }
  | { kind: 'folder'; path: string; files: ReadonlyMap<string, string> }

/** Handles an unusable file: throws, or notes it and continues. */
export type Refusal = (error: InputError) => void

/** How the search for files tells what it cannot use. */
export interface Reporting {
  refuse: Refusal
  /** takes a warning */
  say: (line: string) => void
}

const CHANNEL_SUFFIX = /_(\d{4})$/ // nnU-Net: case_0000.nii.gz, case_0001.nii.gz
/** Files that datasets keep beside their scans and that hold no volume. */
const COMPANION = /\.(json|txt|csv|tsv|md|pdf|html?|ya?ml|xml|xlsx?|bval|bvec)$/i

/**
 * Pairs images with labels. Two files are one subject. In two folders, entries with the same stem belong together; stem_0000,
 * stem_0001 … are the channels of stem. An image is a volume or a folder with a DICOM series; a label is a volume or a folder with
 * one per structure. Subjects are sorted by name. Says which other files the folders hold.
 * Throws InputError with a missing path; unpaired entries go to `refuse`.
 */
export function pairSubjects(images: string, labels: string, reporting: Reporting): ScanFiles[] {
  for (const path of [images, labels]) if (!factsOf(path)) throw new InputError(`${path}: no such file or folder`)
  const masks = new MaskFolders(labels)
  if (!isFolder(images) || isScan(images))
    return masks.saying(reporting, [{ name: stemOf(images), images: [images], label: masks.labelAt(labels) }])
  if (!isFolder(labels)) throw new InputError(`${images}, ${labels}: expected two files or two folders`)
  const labelled = stemsIn(labels, reporting)
  const subjects = new Map<string, string[]>()
  for (const [stem, path] of stemsIn(images, reporting)) {
    const name = labelled.has(stem) ? stem : stem.replace(CHANNEL_SUFFIX, '')
    const found = subjects.get(name)
    if (!labelled.has(name)) reporting.refuse(new InputError(`${path}: no label of that name in ${labels}`))
    else if (found) found.push(path)
    else subjects.set(name, [path])
  }
  const pairs: ScanFiles[] = []
  for (const [name, path] of labelled) {
    const found = subjects.get(name)
    if (!found) reporting.refuse(new InputError(`${path}: no image of that name in ${images}`))
    else if (areChannels(name, found)) pairs.push({ name, images: found, label: masks.labelAt(path) })
    else reporting.refuse(new InputError(`${listed(found)}: expected ${name}_0000, ${name}_0001, … without a gap`))
  }
  return masks.saying(reporting, pairs)
}

/** Finds labels, and remembers which entries of their folders are no masks. */
export class MaskFolders {
  private readonly where: string
  private readonly others: string[] = []

  constructor(where: string) {
    this.where = where
  }

  /** The label at `path`, a file or a folder. Throws InputError if the folder holds no volume. */
  labelAt(path: string): LabelFiles {
    if (!isFolder(path)) return { kind: 'volume', path }
    const { stems, others } = entriesIn(path)
    const files = new Map([...stems].filter(([, file]) => isVolumeName(file)))
    if (files.size === 0) throw new InputError(`${path}: holds no volume (${VOLUME_ENDINGS})`)
    const folders = [...stems.values()].filter(file => !isVolumeName(file))
    this.others.push(...[...folders.map(folder => basename(folder)), ...others].map(name => join(basename(path), name)))
    return { kind: 'folder', path, files }
  }

  /** Says what the folders hold besides masks, and returns `pairs`. */
  saying({ say }: Reporting, pairs: ScanFiles[]): ScanFiles[] {
    const { where, others } = this
    if (others.length > 0) say(`${where}: ${others.length} entries are no masks (${VOLUME_ENDINGS}): ${listed(others)}`)
    return pairs
  }
}

/** Whether `images` are a single image, or channels 0000, 0001 … in order. */
export function areChannels(name: string, images: readonly string[]): boolean {
  if (images.length === 1 && stemOf(images[0]!) === name) return true
  return images.every((path, channel) => stemOf(path) === `${name}_${String(channel).padStart(4, '0')}`)
}

export function stemOf(path: string): string {
  return volumeStem(path).replace(/\.dcm$/i, '')
}

/** Volumes and folders by stem, sorted by name. Says which files are neither. Throws InputError if two have the same stem, or there are none. */
function stemsIn(folder: string, { say }: Reporting): Map<string, string> {
  const { stems, others } = entriesIn(folder)
  if (stems.size === 0)
    throw new InputError(
      `${folder}: holds no volume (${VOLUME_ENDINGS})${others.length > 0 ? `, but ${listed(others)}` : ''}`,
    )
  if (others.length > 0)
    say(`${folder}: ${others.length} files are neither volumes nor folders and are not imported: ${listed(others)}`)
  return stems
}

/** Volumes and folders by stem, and the names of other files, except companions and the voxels of volumes. */
export function entriesIn(folder: string): { stems: Map<string, string>; others: string[] } {
  const stems = new Map<string, string>()
  const others: string[] = []
  const names = namesIn(folder).filter(name => !name.startsWith('.'))
  for (const name of names.sort()) {
    const path = join(folder, name)
    if (!isVolumeName(path) && !isFolder(path)) {
      if (!COMPANION.test(name) && !isDataFile(name, names)) others.push(name)
      continue
    }
    const other = stems.get(stemOf(path))
    if (other) throw new InputError(`${path}: has the same name as ${other}, expected one of them`)
    stems.set(stemOf(path), path)
  }
  return { stems, others }
}

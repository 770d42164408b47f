import { readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { InputError } from '../util/error.ts'

/** One subject's files; several images are channels. */
export interface SubjectFiles {
  name: string
  images: string[]
  label: string
}

const NIFTI_NAME = /\.nii(\.gz)?$/
const CHANNEL_SUFFIX = /_\d{4}$/ // nnU-Net: case_0000.nii.gz, case_0001.nii.gz

/**
 * Pairs images with labels: two files make one subject; in two folders files of the same stem belong together, and
 * stem_0000, stem_0001 … are the channels of stem. Subjects come in the order of their names.
 * Throws InputError naming a missing path or a file without partner.
 */
export function pairSubjects(images: string, labels: string): SubjectFiles[] {
  const isFolder = [images, labels].map(path => {
    const found = statSync(path, { throwIfNoEntry: false })
    if (!found) throw new InputError(`${path}: no such file or folder`)
    return found.isDirectory()
  })
  if (isFolder[0] !== isFolder[1]) throw new InputError(`${images}, ${labels}: expected two files or two folders`)
  if (!isFolder[0]) return [{ name: stemOf(images), images: [images], label: labels }]
  const labelled = new Map(niftiFiles(labels).map(path => [stemOf(path), path]))
  const subjects = new Map<string, string[]>()
  for (const path of niftiFiles(images)) {
    const stem = stemOf(path)
    const name = labelled.has(stem) ? stem : stem.replace(CHANNEL_SUFFIX, '')
    if (!labelled.has(name)) throw new InputError(`${path}: no label of that name in ${labels}`)
    subjects.set(name, [...(subjects.get(name) ?? []), path])
  }
  for (const [name, path] of labelled)
    if (!subjects.has(name)) throw new InputError(`${path}: no image of that name in ${images}`)
  return [...subjects].map(([name, paths]) => ({ name, images: paths, label: labelled.get(name)! }))
}

function niftiFiles(folder: string): string[] {
  const names = readdirSync(folder).filter(name => NIFTI_NAME.test(name) && !name.startsWith('.'))
  if (names.length === 0) throw new InputError(`${folder}: holds no .nii or .nii.gz file`)
  return names.sort().map(name => join(folder, name))
}

function stemOf(path: string): string {
  return basename(path).replace(NIFTI_NAME, '')
}

import { basename, join } from 'node:path'
import { InputError } from '../../../util/error.ts'
import { isFolder, namesIn } from '../../../util/files/lookup.ts'
import { listed } from '../../../util/listing.ts'
import type { Scan } from '../scan.ts'
import { withoutCopies } from './copies.ts'
import { isDicomFile, readDicomFile } from './file.ts'
import { isSameGrid, stackSlices } from './geometry.ts'
import { type DicomImage, imageOf, isOfVolume, slicesOf } from './image.ts'
import { type DicomSource, sourceOf } from './source.ts'
import { TAG } from './tags.ts'
import { readVolume } from './volume.ts'

/** Whether a folder holds a DICOM file; subfolders do not count. */
export function holdsDicom(folder: string): boolean {
  return filesIn(folder).some(isDicomFile)
}

/**
 * Reads a series of slices (a folder of files with any names) or an enhanced image in one file. Ignores subfolders and files that are not
 * DICOM. If the folder holds several series, takes the one that is a volume; if several are volumes, `series` selects one by its UID. Images
 * whose UIDs an anonymiser blanked are one series if they have the same geometry. A second copy of a slice is left out. Values are
 * stored · slope + intercept of each slice; MONOCHROME1 inverts nothing, since it concerns display only. The affine comes from positions and
 * orientations, not from slice thickness. Throws InputError with one line: file and reason.
 */
export function readDicomSeries(path: string, series?: string): Scan & { dicom: DicomSource } {
  const paths = isFolder(path) ? filesIn(path).filter(isDicomFile) : [path]
  const images = paths.map(file => imageOf(readDicomFile(file))).filter(image => image !== undefined)
  const chosen = chooseSeries(images, path, series)
  const { images: kept, warnings: ofCopies } = withoutCopies(chosen)
  const stack = stackSlices(kept.flatMap(slicesOf), path)
  const { values, size } = readVolume(stack.slices, path)
  const { affine } = stack
  const warnings = [...ofCopies, ...strangers(images, chosen)]
  return { path, size, channels: 1, values, affine, warnings, dicom: sourceOf(stack) }
}

function filesIn(folder: string): string[] {
  return namesIn(folder).map(name => join(folder, name))
}

function chooseSeries(images: readonly DicomImage[], path: string, wanted: string | undefined): DicomImage[] {
  const all = bySeries(images)
  if (all.size === 0) throw new InputError(`${path}: holds no DICOM image`)
  if (wanted !== undefined) {
    const found = all.get(wanted)
    if (!found) throw new InputError(`${path}: has no series ${wanted}, it holds ${described(all)}`)
    return withoutLocalisers(found)
  }
  if (all.size === 1) return withoutLocalisers(images)
  const volumes = new Map([...all].map(([uid, found]) => [uid, found.filter(isOfVolume)] as const))
  for (const [uid, found] of volumes) if (framesOf(found) < 2) volumes.delete(uid)
  if (volumes.size === 0) throw new InputError(`${path}: none of its ${all.size} series is a volume: ${described(all)}`)
  if (volumes.size > 1)
    throw new InputError(`${path}: holds ${volumes.size} series, choose one by its UID: ${described(volumes)}`)
  return [...volumes.values()][0]!
}

/** Images by the UID of their series; without one, images of the same kind and geometry are a series, which gets a name. */
function bySeries(images: readonly DicomImage[]): Map<string, DicomImage[]> {
  const series = new Map<string, DicomImage[]>()
  const unnamed: DicomImage[][] = []
  for (const image of images) {
    if (image.series !== '') series.set(image.series, [...(series.get(image.series) ?? []), image])
    else {
      const same = unnamed.find(([first]) => isSameSeries(image, first!))
      if (same) same.push(image)
      else unnamed.push([image])
    }
  }
  for (const [i, found] of unnamed.entries()) series.set(`without-uid-${i + 1}`, found)
  return series
}

const SERIES_TAGS = [TAG.Modality, TAG.SeriesNumber, TAG.Rows, TAG.Columns] // equal in all images of a series

function isSameSeries(image: DicomImage, other: DicomImage): boolean {
  const [own, others] = [image.file.elements, other.file.elements]
  const same = SERIES_TAGS.every(tag => own.raw(tag)?.toString('latin1') === others.raw(tag)?.toString('latin1'))
  return same && image.isLocaliser === other.isLocaliser && isSameGrid(own, others)
}

/** Says which images may belong to a series without UID, but have another geometry. */
function strangers(images: readonly DicomImage[], chosen: readonly DicomImage[]): string[] {
  if (chosen[0]!.series !== '') return []
  const others = images.filter(image => image.series === '' && !image.isLocaliser && !chosen.includes(image))
  if (others.length === 0) return []
  const names = listed(others.map(({ file }) => basename(file.path)))
  return [`its images name no series, and these differ from the others in geometry, so they are left out: ${names}`]
}

/** Localisers are often in the same series as the slices. */
function withoutLocalisers(images: readonly DicomImage[]): DicomImage[] {
  const rest = images.filter(image => !image.isLocaliser)
  return rest.length > 0 ? rest : [...images]
}

function framesOf(images: readonly DicomImage[]): number {
  return images.reduce((sum, { frames }) => sum + frames, 0)
}

function described(series: ReadonlyMap<string, readonly DicomImage[]>): string {
  const texts = [...series].map(([uid, images]) => {
    const { elements } = images[0]!.file
    const description = elements.text(TAG.SeriesDescription)
    const named = description ? ` '${description}'` : ''
    return `${uid} (number ${elements.text(TAG.SeriesNumber) ?? '–'}${named}, slices: ${framesOf(images)})`
  })
  return listed(texts)
}

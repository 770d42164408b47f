import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../../../util/error.ts'
import type { Scan } from '../scan.ts'
import { isDicomFile, readDicomFile } from './file.ts'
import { stackSlices } from './geometry.ts'
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
 * DICOM. If the folder holds several series, takes the one that is a volume; if several are volumes, `series` selects one by its UID. Values
 * are stored · slope + intercept of each slice; MONOCHROME1 inverts nothing, since it concerns display only. The affine comes from positions
 * and orientations, not from slice thickness. Throws InputError with one line: file and reason.
 */
export function readDicomSeries(path: string, series?: string): Scan & { dicom: DicomSource } {
  const paths = statSync(path, { throwIfNoEntry: false })?.isDirectory() ? filesIn(path).filter(isDicomFile) : [path]
  const images = paths.map(file => imageOf(readDicomFile(file))).filter(image => image !== undefined)
  const chosen = chooseSeries(images, path, series)
  const stack = stackSlices(chosen.flatMap(slicesOf), path)
  const { values, size } = readVolume(stack.slices, path)
  return { path, size, channels: 1, values, affine: stack.affine, warnings: [], dicom: sourceOf(stack) }
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(entry => !entry.isDirectory())
    .map(({ name }) => join(folder, name))
    .sort()
}

function chooseSeries(images: readonly DicomImage[], path: string, wanted: string | undefined): DicomImage[] {
  const all = bySeries(images)
  if (all.size === 0) throw new InputError(`${path}: holds no DICOM image`)
  if (wanted !== undefined) {
    const found = all.get(wanted)
    if (!found) throw new InputError(`${path}: has no series ${wanted}, it holds ${listed(all)}`)
    return withoutLocalisers(found)
  }
  if (all.size === 1) return withoutLocalisers(images)
  const volumes = bySeries(images.filter(isOfVolume))
  for (const [uid, found] of volumes) if (framesOf(found) < 2) volumes.delete(uid)
  if (volumes.size === 0) throw new InputError(`${path}: none of its ${all.size} series is a volume: ${listed(all)}`)
  if (volumes.size > 1)
    throw new InputError(`${path}: holds ${volumes.size} series, choose one by its UID: ${listed(volumes)}`)
  return [...volumes.values()][0]!
}

function bySeries(images: readonly DicomImage[]): Map<string, DicomImage[]> {
  const series = new Map<string, DicomImage[]>()
  for (const image of images) series.set(image.series, [...(series.get(image.series) ?? []), image])
  return series
}

/** Localisers are often in the same series as the slices. */
function withoutLocalisers(images: readonly DicomImage[]): DicomImage[] {
  const rest = images.filter(image => !image.isLocaliser)
  return rest.length > 0 ? rest : [...images]
}

function framesOf(images: readonly DicomImage[]): number {
  return images.reduce((sum, { frames }) => sum + frames, 0)
}

function listed(series: ReadonlyMap<string, readonly DicomImage[]>): string {
  return [...series]
    .map(([uid, images]) => {
      const { elements } = images[0]!.file
      const description = elements.text(TAG.SeriesDescription)
      const named = description ? ` '${description}'` : ''
      return `${uid} (number ${elements.text(TAG.SeriesNumber) ?? '–'}${named}, slices: ${framesOf(images)})`
    })
    .join(', ')
}

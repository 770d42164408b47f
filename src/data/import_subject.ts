import { basename } from 'node:path'
import { InputError } from '../util/error.ts'
import { sizeOf } from '../util/shape.ts'
import type { ImageSize } from './dataset.ts'
import { Frame } from './frame.ts'
import type { NumericArray } from './hdf5_file.ts'
import type { SubjectFiles } from './import_pairs.ts'
import { applyIntensity, type IntensityScale } from './intensity.ts'
import { type NiftiImage, readNifti } from './nifti.ts'
import { orientationOf, reorient } from './orientation.ts'
import { resampleLabels } from './resample.ts'

/** A structure of the new dataset and the value that marks it in the label volumes. */
export interface LabelledStructure {
  name: string
  value: number
}

export interface ImportedSubject {
  image: Float32Array // (C, H, W, D), 0..255; H to the right, W to the front, D up
  masks: Uint8Array // (S, H, W, D)
  presence: number[] // (S): 1 where the label volume has the structure
  record: SubjectRecord
}

/** How a subject got into the dataset, as metadata.json keeps it. */
export interface SubjectRecord {
  name: string
  images: string[]
  label: string
  /** Where the stored axes ran to, e.g. "LSA". */
  orientation: string
  /** Voxels and millimetres along right, anterior, superior, before resampling. */
  size: ImageSize
  voxel_size_mm: number[]
  intensity: IntensityScale[]
}

const GRID_TOLERANCE = 0.5 // voxels that the label's grid may lie beside the image's

/** Reads one subject and brings it to RAS, to `imageSize` and to 0..255. Throws InputError naming file and reason. */
export function importSubject(
  files: SubjectFiles,
  imageSize: ImageSize,
  structures: readonly LabelledStructure[],
  percentiles: readonly [number, number],
): ImportedSubject {
  const label = readNifti(files.label)
  const images = files.images.map(path => readNifti(path))
  for (const image of images) checkSameGrid(image, label)
  const { image, intensity } = standardImage(images, imageSize, percentiles)
  const { masks, presence } = masksOf(label, imageSize, structures)
  return { image, masks, presence, record: { ...recordOf(files, images[0]!), intensity } }
}

/**
 * Volumes on one grid, each a channel or several, as the network takes them: (C, H, W, D) of `imageSize`, axes to right, anterior,
 * superior, intensities scaled to 0..255 between the percentiles. Throws InputError naming file and reason.
 */
export function standardImage(
  images: readonly NiftiImage[],
  imageSize: ImageSize,
  percentiles: readonly [number, number],
): { image: Float32Array; intensity: IntensityScale[] } {
  const frame = new Frame(images[0]!, { kind: 'field_of_view' }, imageSize)
  const channels = images.flatMap(image => channelsOf(image).map(values => ({ values, path: image.path })))
  const voxels = sizeOf(imageSize)
  const image = new Float32Array(channels.length * voxels)
  const intensity = channels.map(({ values, path }, c) => {
    const scaled = applyIntensity(values, { kind: 'percentile', low: percentiles[0], high: percentiles[1] }, path)
    const target = image.subarray(c * voxels, (c + 1) * voxels)
    frame.imageToModel(scaled.values, target)
    return scaled.scale
  })
  return { image, intensity }
}

/** The label values other than 0 in a volume, ascending. Throws InputError when one is not an integer. */
export function labelValues(path: string): number[] {
  const found = new Set(readNifti(path).values)
  found.delete(0)
  for (const value of found) if (!Number.isInteger(value)) throw new InputError(`${path}: label ${value} is no integer`)
  return [...found].sort((a, b) => a - b)
}

function channelsOf({ values, channels, size }: NiftiImage): NumericArray[] {
  const voxels = sizeOf(size)
  return Array.from({ length: channels }, (_, c) => values.subarray(c * voxels, (c + 1) * voxels))
}

function masksOf(label: NiftiImage, imageSize: ImageSize, structures: readonly LabelledStructure[]) {
  const oriented = reorient(label.values, label.size, orientationOf(label.affine))
  const voxels = sizeOf(imageSize)
  const resampled = new Float64Array(voxels)
  resampleLabels(oriented.values, oriented.size, imageSize, resampled)
  const masks = new Uint8Array(structures.length * voxels)
  for (const [s, { value }] of structures.entries())
    for (let v = 0; v < voxels; v++) if (resampled[v] === value) masks[s * voxels + v] = 1
  return { masks, presence: structures.map(({ value }) => Number(label.values.includes(value))) }
}

function checkSameGrid(image: NiftiImage, label: NiftiImage): void {
  const sizes = [image, label].map(({ size }) => size.join('×'))
  if (label.channels !== 1)
    throw new InputError(`${label.path}: has ${label.channels} channels, expected one volume of labels`)
  if (sizes[0] !== sizes[1])
    throw new InputError(`${label.path}: is ${sizes[1]}, its image ${image.path} is ${sizes[0]}`)
  const [width, height, depth] = image.size
  const voxel = Math.min(...[0, 1, 2].map(axis => Math.hypot(...image.affine.map(row => row[axis]!))))
  for (const corner of [
    [0, 0, 0, 1],
    [width, 0, 0, 1],
    [0, height, 0, 1],
    [0, 0, depth, 1],
  ]) {
    const apart = image.affine.map((row, r) =>
      row.reduce((sum, value, i) => sum + (value - label.affine[r]![i]!) * corner[i]!, 0),
    )
    if (Math.hypot(...apart) > GRID_TOLERANCE * voxel)
      throw new InputError(`${label.path}: lies elsewhere than its image ${image.path} (their affines differ)`)
  }
}

function recordOf(files: SubjectFiles, image: NiftiImage): Omit<SubjectRecord, 'intensity'> {
  const { axes, code } = orientationOf(image.affine)
  const lengths = axes.map(axis => Math.hypot(...image.affine.map(row => row[axis]!)))
  return {
    name: files.name,
    images: files.images.map(path => basename(path)),
    label: basename(files.label),
    orientation: code,
    size: axes.map(axis => image.size[axis]!) as ImageSize,
    voxel_size_mm: lengths.map(length => Number(length.toFixed(6))),
  }
}

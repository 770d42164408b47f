import { InputError } from '../../../util/error.ts'
import type { DicomStorage } from './codec.ts'
import { DicomDamage, type DicomElements } from './elements.ts'
import { type DicomFile, withDicomFile } from './file.ts'
import { TAG } from './tags.ts'

/** A file with pixels. */
export interface DicomImage {
  file: DicomFile
  /** UIDs; empty if an anonymiser blanked them. Class and instance are those of the file's meta elements then. */
  series: string
  sopClass: string
  sopInstance: string
  frames: number
  isLocaliser: boolean
}

/** One slice of a volume: a file, or one of its frames. */
export interface DicomSlice {
  image: DicomImage
  frame: number
  position: readonly number[] // (3), mm left, posterior, superior; of the first voxel
  orientation: readonly number[] // (6), directions along a row and down a column
  spacing: readonly [rows: number, columns: number] // mm between rows and between columns
  slope: number
  intercept: number
}

/** Modalities of objects that carry pixels or refer to images but are not images of a patient. */
const NO_IMAGES = ['SEG', 'SR', 'PR', 'KO', 'RTSTRUCT', 'RTDOSE', 'RTPLAN', 'DOC', 'REG']

/** SOP classes of CT, MR and PET, one file per slice or enhanced. */
const IMAGE_CLASSES = ['2', '2.1', '4', '4.1', '128', '130'].map(end => `1.2.840.10008.5.1.4.1.1.${end}`)

/** The image in a file; undefined if it has none, e.g. a DICOMDIR, a report or a segmentation. Throws InputError. */
export function imageOf(file: DicomFile): DicomImage | undefined {
  const { elements, meta, path, pixels } = file
  const sopClass = elements.text(TAG.SOPClassUID) ?? meta.text(TAG.MediaStorageSOPClassUID) ?? ''
  if (!pixels && IMAGE_CLASSES.includes(sopClass))
    throw new InputError(`${path}: is an image without pixels: truncated`)
  if (!pixels || NO_IMAGES.includes(elements.text(TAG.Modality) ?? '')) return undefined
  const frames = elements.numbers(TAG.NumberOfFrames)?.[0] ?? 1
  if (!Number.isInteger(frames) || frames < 1) throw new InputError(`${path}: its header states ${frames} frames`)
  const types = elements.text(TAG.ImageType)?.split('\\') ?? []
  return {
    file,
    series: elements.text(TAG.SeriesInstanceUID) ?? '',
    sopClass,
    sopInstance: elements.text(TAG.SOPInstanceUID) ?? meta.text(TAG.MediaStorageSOPInstanceUID) ?? '',
    frames,
    isLocaliser: types.includes('LOCALIZER'),
  }
}

/** Whether the image can belong to a volume: greyscale, with a position in the patient. */
export function isOfVolume({ file: { elements }, isLocaliser }: DicomImage): boolean {
  const isPlaced = elements.has(TAG.ImagePositionPatient) || elements.has(TAG.PerFrameFunctionalGroupsSequence)
  return !isLocaliser && isPlaced && (elements.word(TAG.SamplesPerPixel) ?? 1) === 1
}

/** The storage format of the pixels. Throws InputError: colour, or inconsistent bit counts. */
export function storageOf({ file: { path, elements } }: DicomImage): DicomStorage {
  const samples = elements.word(TAG.SamplesPerPixel) ?? 1
  const photometric = elements.text(TAG.PhotometricInterpretation) ?? 'MONOCHROME2'
  if (samples !== 1 || !photometric.startsWith('MONOCHROME'))
    throw new InputError(`${path}: is a colour image (${photometric}), expected intensities`)
  const [rows, columns] = [elements.word(TAG.Rows) ?? 0, elements.word(TAG.Columns) ?? 0]
  if (rows < 1 || columns < 1) throw new InputError(`${path}: has ${rows} rows and ${columns} columns`)
  const bitsAllocated = elements.word(TAG.BitsAllocated) ?? 16
  const bitsStored = elements.word(TAG.BitsStored) ?? bitsAllocated
  const highBit = elements.word(TAG.HighBit) ?? bitsStored - 1
  if (bitsAllocated !== 8 && bitsAllocated !== 16 && bitsAllocated !== 32)
    throw new InputError(`${path}: has voxels of ${bitsAllocated} bits, expected 8, 16 or 32`)
  if (bitsStored < 1 || highBit >= bitsAllocated || highBit + 1 < bitsStored)
    throw new InputError(
      `${path}: its header states ${bitsStored} stored bits up to bit ${highBit} of ${bitsAllocated}`,
    )
  const isSigned = elements.word(TAG.PixelRepresentation) === 1
  return { rows, columns, bitsAllocated, bitsStored, highBit, isSigned }
}

/**
 * The slices of an image. In an enhanced image, per-frame attributes override shared ones, which override the file's. Throws InputError if
 * a slice has no position in the patient, or its values are not a linear function of the stored ones.
 */
export function slicesOf(image: DicomImage): DicomSlice[] {
  const { elements, path } = image.file
  return withDicomFile(path, () => {
    const [shared] = elements.items(TAG.SharedFunctionalGroupsSequence)
    const perFrame = elements.items(TAG.PerFrameFunctionalGroupsSequence)
    if (image.frames > 1 && perFrame.length !== image.frames)
      throw new DicomDamage(`has ${image.frames} frames but positions for ${perFrame.length}`)
    return Array.from({ length: image.frames }, (_, frame) => {
      const layers = [perFrame[frame], shared].filter(layer => layer !== undefined)
      const group = (tag: number): DicomElements =>
        layers.map(layer => layer.items(tag)[0]).find(item => item !== undefined) ?? elements
      return sliceOf(image, frame, group)
    })
  })
}

function sliceOf(image: DicomImage, frame: number, group: (tag: number) => DicomElements): DicomSlice {
  const named = image.frames > 1 ? `frame ${frame + 1} has` : 'has'
  const transformation = group(TAG.PixelValueTransformationSequence)
  if (transformation.has(TAG.ModalityLUTSequence))
    throw new DicomDamage(`${named} a modality lookup table (0028,3000), which is not supported`)
  const position = group(TAG.PlanePositionSequence).numbers(TAG.ImagePositionPatient)
  if (!areNumbers(position, 3)) throw new DicomDamage(`${named} no position in the patient (0020,0032)`)
  const orientation = group(TAG.PlaneOrientationSequence).numbers(TAG.ImageOrientationPatient)
  if (!areNumbers(orientation, 6) || !isOrthonormal(orientation))
    throw new DicomDamage(`${named} no orientation with two perpendicular directions (0020,0037)`)
  const spacing = group(TAG.PixelMeasuresSequence).numbers(TAG.PixelSpacing)
  if (!areNumbers(spacing, 2) || !spacing.every(length => length > 0))
    throw new DicomDamage(`${named} no voxel spacing (0028,0030)`)
  const slope = transformation.numbers(TAG.RescaleSlope)?.[0] ?? 1
  const intercept = transformation.numbers(TAG.RescaleIntercept)?.[0] ?? 0
  if (!Number.isFinite(slope) || slope === 0 || !Number.isFinite(intercept))
    throw new DicomDamage(`${named} slope ${slope} and intercept ${intercept}`)
  return { image, frame, position, orientation, spacing: [spacing[0]!, spacing[1]!], slope, intercept }
}

function areNumbers(numbers: number[] | undefined, count: number): numbers is number[] {
  return numbers?.length === count && numbers.every(Number.isFinite)
}

function isOrthonormal(orientation: readonly number[]): boolean {
  const [row, column] = [orientation.slice(0, 3), orientation.slice(3)]
  const product = row.reduce((sum, value, axis) => sum + value * column[axis]!, 0)
  return [Math.hypot(...row) - 1, Math.hypot(...column) - 1, product].every(error => Math.abs(error) < 1e-3)
}

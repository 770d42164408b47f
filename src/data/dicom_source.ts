import type { SliceStack } from './dicom_geometry.ts'
import { TAG } from './dicom_tags.ts'

/** What an object that is made from a series, a segmentation, says of it. */
export interface DicomSource {
  seriesInstanceUid: string
  frameOfReferenceUid: string | undefined
  /** Patient and study, as stored: by tag, in the character set of `SpecificCharacterSet` among them. */
  shared: ReadonlyMap<number, Buffer>
  /** of the voxel grid: rows, columns */
  rows: number
  columns: number
  orientation: readonly number[] // (6), directions along a row and down a column
  spacing: readonly [rows: number, columns: number] // mm
  distance: number // mm from slice to slice
  slices: readonly SourceSlice[] // (K)
}

export interface SourceSlice {
  sopClassUid: string
  sopInstanceUid: string
  /** from 1, of an image of several frames */
  frame: number | undefined
  position: readonly number[] // (3), mm to the left, posterior, superior
}

/** What a derived object repeats of its source (PS3.3, C.7.1 and C.7.2). */
const SHARED = [
  TAG.SpecificCharacterSet,
  TAG.StudyDate,
  TAG.StudyTime,
  TAG.AccessionNumber,
  TAG.ReferringPhysicianName,
  TAG.StudyDescription,
  TAG.PatientName,
  TAG.PatientID,
  TAG.PatientBirthDate,
  TAG.PatientSex,
  TAG.PatientAge,
  TAG.PatientSize,
  TAG.PatientWeight,
  TAG.StudyInstanceUID,
  TAG.StudyID,
  TAG.PositionReferenceIndicator,
]

export function sourceOf({ slices, distance }: SliceStack): DicomSource {
  const { image, orientation, spacing } = slices[0]!
  const { elements } = image.file
  const shared = new Map<number, Buffer>()
  // a copy: the value lies in a buffer that holds the whole header
  for (const tag of SHARED) if (elements.has(tag)) shared.set(tag, Buffer.from(elements.raw(tag)!))
  return {
    seriesInstanceUid: image.series,
    frameOfReferenceUid: elements.text(TAG.FrameOfReferenceUID),
    shared,
    rows: elements.word(TAG.Rows)!,
    columns: elements.word(TAG.Columns)!,
    orientation,
    spacing,
    distance,
    slices: slices.map(slice => ({
      sopClassUid: slice.image.file.elements.text(TAG.SOPClassUID) ?? '',
      sopInstanceUid: slice.image.file.elements.text(TAG.SOPInstanceUID) ?? '',
      frame: slice.image.frames > 1 ? slice.frame + 1 : undefined,
      position: slice.position,
    })),
  }
}

import type { SliceStack } from './geometry.ts'
import type { DicomImage } from './image.ts'
import { TAG } from './tags.ts'
import { newUid } from './writer.ts'

/** SOP classes by modality. */
const CLASSES: Readonly<Record<string, string>> = {
  CT: '1.2.840.10008.5.1.4.1.1.2',
  MR: '1.2.840.10008.5.1.4.1.1.4',
  PT: '1.2.840.10008.5.1.4.1.1.128',
}
const SECONDARY_CAPTURE = '1.2.840.10008.5.1.4.1.1.7'

/** What a derived object (a segmentation) states about its source series. */
export interface DicomSource {
  seriesInstanceUid: string
  frameOfReferenceUid: string | undefined
  /** Patient and study elements by tag, as stored, in the character set that the element `SpecificCharacterSet` names. */
  shared: ReadonlyMap<number, StoredText>
  rows: number
  columns: number
  orientation: readonly number[] // (6), directions along a row and down a column
  spacing: readonly [rows: number, columns: number] // mm
  distance: number // mm between slices
  slices: readonly SourceSlice[] // (K)
}

export interface StoredText {
  vr: string
  value: Buffer
}

export interface SourceSlice {
  sopClassUid: string
  sopInstanceUid: string
  /** from 1; undefined for a single-frame image */
  frame: number | undefined
  position: readonly number[] // (3), mm left, posterior, superior
}

/** The elements that a derived object repeats, all of them text (PS3.3, C.7.1, C.7.2 and C.7.6.1.1.5). */
const SHARED: readonly (readonly [tag: number, vr: string])[] = [
  [TAG.SpecificCharacterSet, 'CS'],
  [TAG.StudyDate, 'DA'],
  [TAG.StudyTime, 'TM'],
  [TAG.AccessionNumber, 'SH'],
  [TAG.ReferringPhysicianName, 'PN'],
  [TAG.StudyDescription, 'LO'],
  [TAG.PatientName, 'PN'],
  [TAG.PatientID, 'LO'],
  [TAG.PatientBirthDate, 'DA'],
  [TAG.PatientSex, 'CS'],
  [TAG.PatientAge, 'AS'],
  [TAG.PatientSize, 'DS'],
  [TAG.PatientWeight, 'DS'],
  [TAG.StudyInstanceUID, 'UI'],
  [TAG.StudyID, 'SH'],
  [TAG.PositionReferenceIndicator, 'LO'],
  [TAG.LossyImageCompression, 'CS'],
  [TAG.LossyImageCompressionRatio, 'DS'],
  [TAG.LossyImageCompressionMethod, 'CS'],
]

type Identity = Pick<SourceSlice, 'sopClassUid' | 'sopInstanceUid'>

/** A blanked class follows from the modality; a blanked instance gets a new UID, because a segmentation must refer to one. */
function identityOf({ file, sopClass, sopInstance }: DicomImage): Identity {
  const modality = file.elements.text(TAG.Modality) ?? ''
  return { sopClassUid: sopClass || (CLASSES[modality] ?? SECONDARY_CAPTURE), sopInstanceUid: sopInstance || newUid() }
}

export function sourceOf({ slices, distance }: SliceStack): DicomSource {
  const { image, orientation, spacing } = slices[0]!
  const { elements } = image.file
  const identities = new Map<DicomImage, Identity>()
  for (const slice of slices) if (!identities.has(slice.image)) identities.set(slice.image, identityOf(slice.image))
  const shared = new Map<number, StoredText>()
  // Copied, because the value is a view of a buffer that holds the whole header.
  for (const [tag, vr] of SHARED) if (elements.has(tag)) shared.set(tag, { vr, value: Buffer.from(elements.raw(tag)!) })
  return {
    seriesInstanceUid: image.series || newUid(),
    frameOfReferenceUid: elements.text(TAG.FrameOfReferenceUID),
    shared,
    rows: elements.word(TAG.Rows)!,
    columns: elements.word(TAG.Columns)!,
    orientation,
    spacing,
    distance,
    slices: slices.map(slice => ({
      ...identities.get(slice.image)!,
      frame: slice.image.frames > 1 ? slice.frame + 1 : undefined,
      position: slice.position,
    })),
  }
}

import { join } from 'node:path'
import { PACKAGE_ROOT } from '../../../util/package_root.ts'
import { readText } from '../../../util/whole_file.ts'
import { ANATOMICAL_STRUCTURE, type Code, codeOf } from './codes.ts'
import type { DicomSource } from './source.ts'
import { TAG } from './tags.ts'
import { type DicomElement, type DicomItem, newUid } from './writer.ts'

export const SEGMENTATION_CLASS = '1.2.840.10008.5.1.4.1.1.66.4'
const SEGMENT_NUMBER = 0x0062000b
const SEGMENT_IDENTIFICATION = 0x0062000a
const LABEL_LENGTH = 64 // characters of a LO

/** A frame to write: one structure in one slice. */
export interface SegmentFrame {
  segment: number // from 0
  slice: number
}

export interface SegmentationContent {
  names: readonly string[] // of the segments
  frames: readonly SegmentFrame[]
  isOverlapping: boolean
}

/** All elements of a segmentation except its pixels. */
export function segmentationElements(
  instance: string,
  source: DicomSource,
  content: SegmentationContent,
): DicomElement[] {
  return [
    ...patientAndStudy(source),
    ...series(instance),
    ...image(source, content),
    ...functionalGroups(source, content.frames),
  ]
}

/** The source's elements, plus required ones that it lacks. */
function patientAndStudy({ shared, frameOfReferenceUid }: DicomSource): DicomElement[] {
  const stated = new Map<number, DicomElement>(
    [...shared].map(([tag, { vr, value }]) => [tag, [tag, vr, value]] as const),
  )
  const needed: DicomElement[] = [
    [TAG.StudyDate, 'DA', ''],
    [TAG.StudyTime, 'TM', ''],
    [TAG.AccessionNumber, 'SH', ''],
    [TAG.ReferringPhysicianName, 'PN', ''],
    [TAG.PatientName, 'PN', ''],
    [TAG.PatientID, 'LO', ''],
    [TAG.PatientBirthDate, 'DA', ''],
    [TAG.PatientSex, 'CS', ''],
    [TAG.StudyInstanceUID, 'UI', newUid()],
    [TAG.StudyID, 'SH', ''],
    [TAG.PositionReferenceIndicator, 'LO', ''],
    [TAG.LossyImageCompression, 'CS', '00'],
  ]
  // An anonymiser may have left an element without a value.
  const missing = needed.filter(([tag, , value]) => !stated.has(tag) || (value !== '' && isBlank(stated.get(tag)!)))
  for (const [tag] of missing) stated.delete(tag)
  return [...stated.values(), ...missing, [TAG.FrameOfReferenceUID, 'UI', frameOfReferenceUid ?? newUid()]]
}

function isBlank([, , value]: DicomElement): boolean {
  return /^[\0 ]*$/.test(value.toString())
}

function series(instance: string): DicomElement[] {
  const now = new Date()
  const digits = (...parts: number[]): string => parts.map(part => String(part).padStart(2, '0')).join('')
  const date = digits(now.getFullYear(), now.getMonth() + 1, now.getDate())
  const time = digits(now.getHours(), now.getMinutes(), now.getSeconds())
  const { version } = JSON.parse(readText(join(PACKAGE_ROOT, 'package.json'))) as { version: string }
  return [
    [TAG.SOPClassUID, 'UI', SEGMENTATION_CLASS],
    [TAG.SOPInstanceUID, 'UI', instance],
    [TAG.ImageType, 'CS', 'DERIVED\\PRIMARY'],
    [0x00080023, 'DA', date], // ContentDate
    [0x00080033, 'TM', time], // ContentTime
    [TAG.Modality, 'CS', 'SEG'],
    [0x00080070, 'LO', 'sadaan-gpu'], // Manufacturer
    [TAG.SeriesDescription, 'LO', 'SADAAN segmentation'],
    [0x00081090, 'LO', 'sadaan-gpu'], // ManufacturerModelName
    [0x00181000, 'LO', '1'], // DeviceSerialNumber
    [0x00181020, 'LO', version], // SoftwareVersions
    [TAG.SeriesInstanceUID, 'UI', newUid()],
    [TAG.SeriesNumber, 'IS', [1000]],
    [0x00200013, 'IS', [1]], // InstanceNumber
    [0x00700080, 'CS', 'SEGMENTATION'], // ContentLabel
    [0x00700081, 'LO', 'Masks of a network'], // ContentDescription
    [0x00700084, 'PN', ''], // ContentCreatorName
  ]
}

function image(source: DicomSource, { names, frames, isOverlapping }: SegmentationContent): DicomElement[] {
  const instances = new Map(source.slices.map(slice => [slice.sopInstanceUid, slice.sopClassUid]))
  const isUnicode = source.shared.get(TAG.SpecificCharacterSet)?.value.toString('latin1').trim() === 'ISO_IR 192'
  const referenced = [...instances].map(([instance, sopClass]): DicomItem => reference(sopClass, instance))
  return [
    [
      0x00081115, // ReferencedSeriesSequence
      'SQ',
      [
        [
          [0x0008114a, 'SQ', referenced], // ReferencedInstanceSequence
          [TAG.SeriesInstanceUID, 'UI', source.seriesInstanceUid],
        ],
      ],
    ],
    [TAG.SamplesPerPixel, 'US', [1]],
    [TAG.PhotometricInterpretation, 'CS', 'MONOCHROME2'],
    [TAG.NumberOfFrames, 'IS', [frames.length]],
    [TAG.Rows, 'US', [source.rows]],
    [TAG.Columns, 'US', [source.columns]],
    [TAG.BitsAllocated, 'US', [1]],
    [TAG.BitsStored, 'US', [1]],
    [TAG.HighBit, 'US', [0]],
    [TAG.PixelRepresentation, 'US', [0]],
    [0x00620001, 'CS', 'BINARY'], // SegmentationType
    [0x00620013, 'CS', isOverlapping ? 'YES' : 'NO'], // SegmentsOverlap
    [0x00620002, 'SQ', names.map((name, s) => segment(name, s + 1, isUnicode))], // SegmentSequence
  ]
}

function segment(name: string, number: number, isUnicode: boolean): DicomItem {
  const { type, side } = codeOf(name)
  // The source's character set applies to the whole file. Every set includes ASCII; only Unicode is sure to include other characters.
  // A backslash separates values.
  const allowed = isUnicode ? /[^\\\p{Cc}]/u : /[ -[\]-~]/
  const label = [...name].slice(0, LABEL_LENGTH).map(letter => (allowed.test(letter) ? letter : '?'))
  const modifier: DicomElement[] = side ? [[0x00620011, 'SQ', [code(side)]]] : []
  return [
    [0x00620003, 'SQ', [code(ANATOMICAL_STRUCTURE)]], // SegmentedPropertyCategoryCodeSequence
    [0x00620004, 'US', [number]], // SegmentNumber
    [0x00620005, 'LO', label.join('')], // SegmentLabel
    [0x00620008, 'CS', 'AUTOMATIC'], // SegmentAlgorithmType
    [0x00620009, 'LO', 'SADAAN'], // SegmentAlgorithmName
    [0x0062000f, 'SQ', [[...code(type), ...modifier]]], // SegmentedPropertyTypeCodeSequence
  ]
}

function functionalGroups(source: DicomSource, frames: readonly SegmentFrame[]): DicomElement[] {
  const organisation = newUid()
  const dimension = (pointer: number, group: number, label: string): DicomItem => [
    [0x00209164, 'UI', organisation], // DimensionOrganizationUID
    [0x00209165, 'AT', [pointer]], // DimensionIndexPointer
    [0x00209167, 'AT', [group]], // FunctionalGroupPointer
    [0x00209421, 'LO', label], // DimensionDescriptionLabel
  ]
  return [
    [0x00209221, 'SQ', [[[0x00209164, 'UI', organisation]]]], // DimensionOrganizationSequence
    [
      0x00209222, // DimensionIndexSequence
      'SQ',
      [
        dimension(SEGMENT_NUMBER, SEGMENT_IDENTIFICATION, 'Segment'),
        dimension(TAG.ImagePositionPatient, TAG.PlanePositionSequence, 'Position'),
      ],
    ],
    [TAG.SharedFunctionalGroupsSequence, 'SQ', [sharedGroups(source)]],
    [TAG.PerFrameFunctionalGroupsSequence, 'SQ', frames.map(frame => frameGroups(frame, source))],
  ]
}

function sharedGroups({ orientation, spacing, distance }: DicomSource): DicomItem {
  return [
    [TAG.PlaneOrientationSequence, 'SQ', [[[TAG.ImageOrientationPatient, 'DS', orientation]]]],
    [
      TAG.PixelMeasuresSequence,
      'SQ',
      [
        [
          [0x00180050, 'DS', [distance]], // SliceThickness
          [0x00180088, 'DS', [distance]], // SpacingBetweenSlices
          [TAG.PixelSpacing, 'DS', spacing],
        ],
      ],
    ],
  ]
}

function frameGroups({ segment: s, slice }: SegmentFrame, { slices }: DicomSource): DicomItem {
  const { sopClassUid, sopInstanceUid, frame, position } = slices[slice]!
  const ofFrame: DicomElement[] = frame === undefined ? [] : [[0x00081160, 'IS', [frame]]] // ReferencedFrameNumber
  const purpose = code({ value: '121322', meaning: 'Source image for image processing operation' }, 'DCM')
  const sourceImage: DicomItem = [
    ...reference(sopClassUid, sopInstanceUid),
    ...ofFrame,
    [0x0028135a, 'CS', 'YES'], // SpatialLocationsPreserved
    [0x0040a170, 'SQ', [purpose]], // PurposeOfReferenceCodeSequence
  ]
  const derivation: DicomItem = [
    [0x00082112, 'SQ', [sourceImage]], // SourceImageSequence
    [0x00089215, 'SQ', [code({ value: '113076', meaning: 'Segmentation' }, 'DCM')]], // DerivationCodeSequence
  ]
  return [
    [0x00089124, 'SQ', [derivation]], // DerivationImageSequence
    [0x00209111, 'SQ', [[[0x00209157, 'UL', [s + 1, slice + 1]]]]], // FrameContentSequence, DimensionIndexValues
    [TAG.PlanePositionSequence, 'SQ', [[[TAG.ImagePositionPatient, 'DS', position]]]],
    [SEGMENT_IDENTIFICATION, 'SQ', [[[SEGMENT_NUMBER, 'US', [s + 1]]]]], // SegmentIdentificationSequence
  ]
}

function reference(sopClass: string, instance: string): DicomElement[] {
  return [
    [0x00081150, 'UI', sopClass], // ReferencedSOPClassUID
    [0x00081155, 'UI', instance], // ReferencedSOPInstanceUID
  ]
}

function code({ value, meaning }: Code, scheme = 'SCT'): DicomElement[] {
  return [
    [0x00080100, 'SH', value], // CodeValue
    [0x00080102, 'SH', scheme], // CodingSchemeDesignator
    [0x00080104, 'LO', meaning], // CodeMeaning
  ]
}

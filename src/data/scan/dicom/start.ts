import {
  DicomDamage,
  DicomElements,
  type DicomEncoding,
  EXPLICIT_LITTLE,
  elementHeader,
  IMPLICIT_LITTLE,
} from './elements.ts'
import { TAG } from './tags.ts'

/** How a file starts: its meta elements and what they say of the data set that follows. */
export interface DicomStart {
  /** group 2; empty in a bare data set */
  meta: DicomElements
  transferSyntax: string
  encoding: DicomEncoding
}

const PREAMBLE = 132 // bytes: 128 of any content, then DICM
/** Bytes that `hasDicomStart` looks at. */
export const START_BYTES = 1024

const IMPLICIT = '1.2.840.10008.1.2'
const EXPLICIT = '1.2.840.10008.1.2.1'
const BIG_ENDIAN = '1.2.840.10008.1.2.2'
export const DEFLATED = '1.2.840.10008.1.2.1.99'
export const NATIVE: readonly string[] = [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED]

const VRS = 'AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV'
const FIRST_GROUPS = [2, 8] // of a file without preamble: meta elements, or the data set
const ELEMENTS = 3 // that make a file without preamble a data set

/** Whether a file that starts so is DICOM: it has the mark after the preamble, or starts with elements, as old archives store data sets. */
export function hasDicomStart(start: Buffer): boolean {
  return hasMark(start) || isBare(start)
}

/** Throws DicomDamage: not DICOM, or without transfer syntax. */
export function parseStart(start: Buffer): DicomStart {
  const isMarked = hasMark(start)
  if (!isMarked && !isBare(start)) throw new DicomDamage('is not a DICOM file (no DICM at byte 128)')
  const meta = new DicomElements(start, EXPLICIT_LITTLE, isMarked ? PREAMBLE : 0, start.length, tag => tag >>> 16 !== 2)
  const stated = meta.text(TAG.TransferSyntaxUID)
  if (stated === undefined && isMarked) throw new DicomDamage('names no transfer syntax (0002,0010)')
  const transferSyntax = stated ?? (encodingAt(start, meta.end) === EXPLICIT_LITTLE ? EXPLICIT : IMPLICIT)
  return { meta, transferSyntax, encoding: encodingOf(transferSyntax) }
}

function encodingOf(transferSyntax: string): DicomEncoding {
  if (transferSyntax === IMPLICIT) return IMPLICIT_LITTLE
  return transferSyntax === BIG_ENDIAN ? { explicit: true, little: false } : EXPLICIT_LITTLE
}

function hasMark(start: Buffer): boolean {
  return start.toString('latin1', PREAMBLE - 4, PREAMBLE) === 'DICM'
}

/** Whether some elements follow one another from the first byte on, in ascending order. */
function isBare(start: Buffer): boolean {
  let last = -1
  try {
    for (let n = 0, at = 0; n < ELEMENTS; n++) {
      const { tag, length, start: value } = elementHeader(start, at, encodingAt(start, at))
      if (n === 0 && !FIRST_GROUPS.includes(tag >>> 16)) return false
      if (tag <= last || length === undefined) return false
      last = tag
      at = value + length
    }
    return true
  } catch (error) {
    if (error instanceof DicomDamage) return false
    throw error
  }
}

/** Little-endian; explicit if the first element there names its value representation. */
function encodingAt(bytes: Buffer, at: number): DicomEncoding {
  return VRS.split(' ').includes(bytes.toString('latin1', at + 4, at + 6)) ? EXPLICIT_LITTLE : IMPLICIT_LITTLE
}

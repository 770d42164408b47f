import { fstatSync, readSync } from 'node:fs'
import { constants, inflateRawSync, type ZlibOptions } from 'node:zlib'
import { InputError } from '../../../util/error.ts'
import { isRegularFile, withInput } from '../../../util/files/input_file.ts'
import {
  DicomDamage,
  DicomElements,
  type DicomEncoding,
  type ElementHeader,
  EXPLICIT_LITTLE,
  elementHeader,
  IMPLICIT_LITTLE,
} from './elements.ts'
import { TAG } from './tags.ts'

/** The header of a DICOM file, up to the pixels. */
export interface DicomFile {
  path: string
  transferSyntax: string
  encoding: DicomEncoding
  elements: DicomElements
  /** the pixel element in the (inflated) file; undefined if it has no pixels */
  pixels: ElementHeader | undefined
}

const PREAMBLE = 132 // bytes: 128 of any content, then DICM
const FIRST_READ = 2 ** 14 // bytes, kept in memory with the file; the headers of most slices are smaller
const HEADER_LIMIT = 2 ** 26 // bytes before the pixels
const DEFLATION = 16 // factor by which less of a deflated file is inflated at first; deflate compresses by up to 1032
const SLACK = 2 ** 20 // bytes that may follow the pixels

const IMPLICIT = '1.2.840.10008.1.2'
const BIG_ENDIAN = '1.2.840.10008.1.2.2'
export const DEFLATED = '1.2.840.10008.1.2.1.99'

/** Whether a regular file has the DICM mark at byte 128. Throws InputError if it cannot be read: a slice must not be overlooked. */
export function isDicomFile(path: string): boolean {
  return isRegularFile(path) && withInput(path, file => hasMark(readAt(file, 0, PREAMBLE)))
}

/** Reads everything before the pixels. Throws InputError with the path: not DICOM, damaged, or truncated. */
export function readDicomFile(path: string): DicomFile {
  return withDicomFile(path, file => {
    const length = fstatSync(file).size
    for (let wanted = FIRST_READ; ; wanted *= 8) {
      const start = readAt(file, 0, Math.min(wanted, length))
      if (!hasMark(start)) throw new DicomDamage('is not a DICOM file (no DICM at byte 128)')
      try {
        return parseStart(path, start, wanted / DEFLATION, start.length === length)
      } catch (error) {
        if (!(error instanceof DicomDamage && error.isCutOff)) throw error
        if (wanted / DEFLATION >= length) throw new DicomDamage(`${error.message}: truncated`)
        if (wanted > HEADER_LIMIT) throw new DicomDamage(`has no pixels within ${wanted} bytes`)
      }
    }
  })
}

/** Runs `use` on an open file; DicomDamage becomes an InputError with the path. */
export function withDicomFile<T>(path: string, use: (file: number) => T): T {
  try {
    return withInput(path, use, 'a DICOM file')
  } catch (error) {
    if (error instanceof DicomDamage) throw new InputError(`${path}: ${error.message}`)
    throw error
  }
}

/** Up to `length` bytes; fewer at the end of the file. */
export function readAt(file: number, start: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, readSync(file, bytes, 0, length, start))
}

/** A whole deflated file, its data set inflated to about `expected` bytes at most. Throws DicomDamage. */
export function inflateFile(file: number, expected: number): Buffer {
  const bytes = readAt(file, 0, fstatSync(file).size)
  return inflate(bytes, metaOf(bytes).end, { maxOutputLength: expected + SLACK })
}

function parseStart(path: string, start: Buffer, deflated: number, isWhole: boolean): DicomFile {
  const meta = metaOf(start)
  const transferSyntax = meta.text(TAG.TransferSyntaxUID)
  if (!transferSyntax) throw new DicomDamage('names no transfer syntax (0002,0010)')
  const encoding = encodingOf(transferSyntax)
  const isDeflated = transferSyntax === DEFLATED
  const bytes = isDeflated
    ? inflate(start.subarray(0, meta.end + deflated), meta.end, { finishFlush: constants.Z_SYNC_FLUSH })
    : start
  const elements = new DicomElements(bytes, encoding, meta.end, bytes.length, tag => tag === TAG.PixelData)
  const pixels = elements.end < bytes.length ? elementHeader(bytes, elements.end, encoding) : undefined
  const hasEnded = isWhole && (!isDeflated || meta.end + deflated >= start.length)
  if (!pixels && !hasEnded) throw new DicomDamage('ends before its pixels', true)
  return { path, transferSyntax, encoding, elements, pixels }
}

function metaOf(start: Buffer): DicomElements {
  return new DicomElements(start, EXPLICIT_LITTLE, PREAMBLE, start.length, tag => tag >>> 16 !== 2)
}

function inflate(bytes: Buffer, from: number, options: ZlibOptions): Buffer {
  try {
    return Buffer.concat([bytes.subarray(0, from), inflateRawSync(bytes.subarray(from), options)])
  } catch (error) {
    const isLarger = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    throw new DicomDamage(
      isLarger ? 'inflates to more than its header states' : 'its deflated data are damaged or truncated',
    )
  }
}

function encodingOf(transferSyntax: string): DicomEncoding {
  if (transferSyntax === IMPLICIT) return IMPLICIT_LITTLE
  return transferSyntax === BIG_ENDIAN ? { explicit: true, little: false } : EXPLICIT_LITTLE
}

function hasMark(start: Buffer): boolean {
  return start.toString('latin1', PREAMBLE - 4, PREAMBLE) === 'DICM'
}

import { fstatSync, readSync } from 'node:fs'
import { mostInflated } from '../../../util/bytes/byte_source.ts'
import { InputError } from '../../../util/error.ts'
import { FileBytes } from '../../../util/files/file_bytes.ts'
import { isRegularFile, withInput } from '../../../util/files/input_file.ts'
import { Inflation, InflationDamage } from '../../../util/inflation.ts'
import { DicomDamage, DicomElements, type DicomEncoding, type ElementHeader, elementHeader } from './elements.ts'
import { DEFLATED, hasDicomStart, parseStart, START_BYTES } from './start.ts'
import { TAG } from './tags.ts'

/** The header of a DICOM file, up to the pixels. */
export interface DicomFile {
  path: string
  /** group 2; empty in a bare data set */
  meta: DicomElements
  transferSyntax: string
  encoding: DicomEncoding
  elements: DicomElements
  /** the pixel element in the (inflated) file; undefined if it has no pixels */
  pixels: ElementHeader | undefined
}

const FIRST_READ = 2 ** 14 // bytes, kept in memory with the file; the headers of most slices are smaller
const HEADER_LIMIT = 2 ** 26 // bytes before the pixels
const SLACK = 2 ** 20 // bytes that may follow the pixels

/** Whether a regular file starts as DICOM does. Throws InputError if it cannot be read: a slice must not be overlooked. */
export function isDicomFile(path: string): boolean {
  return isRegularFile(path) && withInput(path, file => hasDicomStart(readAt(file, 0, START_BYTES)))
}

/** Reads everything before the pixels. Throws InputError with the path: not DICOM, damaged, or truncated. */
export function readDicomFile(path: string): DicomFile {
  return withDicomFile(path, file => {
    for (let wanted = FIRST_READ; ; wanted *= 8) {
      const start = readAt(file, 0, wanted)
      try {
        const { meta, transferSyntax, encoding } = parseStart(start)
        const bytes = transferSyntax === DEFLATED ? inflatedStart(file, start.subarray(0, meta.end), wanted) : start
        const elements = new DicomElements(bytes, encoding, meta.end, bytes.length, tag => tag === TAG.PixelData)
        const pixels = elements.end < bytes.length ? elementHeader(bytes, elements.end, encoding) : undefined
        if (!pixels && bytes.length === wanted) throw new DicomDamage('ends before its pixels', true)
        return { path, meta, transferSyntax, encoding, elements, pixels }
      } catch (error) {
        if (!(error instanceof DicomDamage && error.isCutOff)) throw error
        if (start.length < wanted) throw new DicomDamage(`${error.message}: truncated`)
        if (wanted >= HEADER_LIMIT) throw new DicomDamage(`has no pixels within ${wanted} bytes`)
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
  const bytes = Buffer.alloc(Math.max(0, Math.min(length, fstatSync(file).size - start)))
  return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, start))
}

/** The first `length` bytes of a deflated file whose data set is inflated, which starts at `from`. Throws DicomDamage. */
export function inflateFile(file: number, from: number, length: number): Buffer {
  const compressed = fstatSync(file).size - from
  if (from + mostInflated(compressed) < length)
    throw new DicomDamage(`inflates to less than the ${length} bytes that its header states: truncated`)
  return inflating(file, from, inflation => {
    const bytes = Buffer.alloc(length)
    const end = from + inflation.read(bytes.subarray(from))
    if (inflation.read(new Uint8Array(SLACK + 1)) > SLACK)
      throw new DicomDamage('inflates to more than its header states')
    return bytes.subarray(0, end)
  })
}

/** The same for a header of unknown length, or less if the file ends before. */
function inflatedStart(file: number, meta: Buffer, length: number): Buffer {
  return inflating(file, meta.length, inflation => {
    const bytes = Buffer.alloc(Math.max(length, meta.length))
    bytes.set(meta)
    return bytes.subarray(0, meta.length + inflation.read(bytes.subarray(meta.length)))
  })
}

function inflating<T>(file: number, from: number, use: (inflation: Inflation) => T): T {
  const inflation = new Inflation(new FileBytes(file, from), 'raw')
  try {
    return use(inflation)
  } catch (error) {
    if (!(error instanceof InflationDamage)) throw error
    throw new DicomDamage('its deflated data are damaged or truncated')
  } finally {
    inflation.close()
  }
}

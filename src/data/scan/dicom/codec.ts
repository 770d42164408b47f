import { createRequire } from 'node:module'
import { DicomDamage } from './elements.ts'

type Daikon = typeof import('daikon')

/** Storage format of a frame's pixels. */
export interface DicomStorage {
  rows: number
  columns: number
  bitsAllocated: 8 | 16 | 32
  bitsStored: number
  highBit: number
  isSigned: boolean
}

export const RLE = '1.2.840.10008.1.2.5'
const JPEG_2000 = ['1.2.840.10008.1.2.4.90', '1.2.840.10008.1.2.4.91']
const LOSSY_JPEG = ['1.2.840.10008.1.2.4.50', '1.2.840.10008.1.2.4.51'] // baseline, extended
const JPEG = [
  ...LOSSY_JPEG,
  '1.2.840.10008.1.2.4.57', // lossless
  '1.2.840.10008.1.2.4.70', // lossless, first-order prediction
  '1.2.840.10008.1.2.4.80', // JPEG-LS, lossless
  '1.2.840.10008.1.2.4.81', // JPEG-LS, near-lossless
]

/** Supported transfer syntaxes with individually compressed frames. */
export const COMPRESSED: readonly string[] = [RLE, ...JPEG, ...JPEG_2000]

let daikon: Daikon | undefined

/** Loads the package (a tenth of a second) only when a series has compressed frames. */
function loadDaikon(): Daikon {
  daikon ??= createRequire(import.meta.url)('daikon') as Daikon
  return daikon
}

/**
 * Decodes a compressed frame into words (rows · columns). Checks the codestream's header against the file's before decoding.
 * Throws DicomDamage.
 */
export function decodeFrame(bytes: Buffer, transferSyntax: string, storage: DicomStorage): ArrayLike<number> {
  if (storage.bitsAllocated === 32) throw new DicomDamage('has compressed voxels of 32 bits, which are not supported')
  const decode = transferSyntax === RLE ? decodeRunLengths : decodeJpeg
  let words: ArrayLike<number>
  try {
    words = decode(bytes, transferSyntax, storage)
  } catch (error) {
    if (error instanceof DicomDamage) throw error
    throw new DicomDamage(`its compressed pixels are damaged (${error instanceof Error ? error.message : error})`)
  }
  const expected = storage.rows * storage.columns
  if (words.length !== expected)
    throw new DicomDamage(`its compressed pixels are damaged: ${words.length} of ${expected}`)
  return words
}

function decodeRunLengths(
  bytes: Buffer,
  _: string,
  { rows, columns, bitsAllocated }: DicomStorage,
): Uint8Array | Uint16Array {
  const segments = bytes.length < 64 ? 0 : bytes.readUInt32LE(0)
  if (segments !== bitsAllocated / 8)
    throw new DicomDamage(`its compressed pixels are damaged: ${segments} run-length segments of ${bitsAllocated / 8}`)
  const { RLE: Decoder } = loadDaikon()
  const decoder = new Decoder()
  const { buffer } = decoder.decode(Uint8Array.from(bytes).buffer, true, rows * columns)
  if (decoder.bytesPut !== rows * columns * segments) throw new DicomDamage('its run-length pixels are damaged')
  return segments === 1 ? new Uint8Array(buffer) : new Uint16Array(buffer)
}

function decodeJpeg(bytes: Buffer, transferSyntax: string, storage: DicomStorage): ArrayLike<number> {
  const isNew = JPEG_2000.includes(transferSyntax)
  const size = isNew ? sizeOfJpeg2000(bytes, storage) : sizeOfJpeg(bytes)
  // The decoder reduces 12 bits to 8.
  if (LOSSY_JPEG.includes(transferSyntax) && (size.bits !== 8 || storage.bitsAllocated !== 8))
    throw new DicomDamage(
      `has lossy JPEG voxels of ${size.bits} bits in ${storage.bitsAllocated}, which are not supported`,
    )
  if (size.rows !== storage.rows || size.columns !== storage.columns || size.components !== 1)
    throw new DicomDamage(
      `its compressed pixels are ${size.columns}×${size.rows}×${size.components}, its header says ${storage.columns}×${storage.rows}×1`,
    )
  const { Image, Tag } = loadDaikon()
  const image = new Image()
  const put = (group: number, element: number, vr: string, value: Buffer): void =>
    image.putTag(new Tag(group, element, vr, Uint8Array.from(value).buffer, 0, 0, 0, true))
  put(0x0002, 0x0010, 'UI', Buffer.from(transferSyntax))
  put(0x0028, 0x0100, 'US', Buffer.from([storage.bitsAllocated, 0]))
  put(0x0028, 0x0103, 'US', Buffer.from([Number(storage.isSigned), 0]))
  const decoded = image.decompressJPEG(Uint8Array.from(isNew ? bytes : withoutFill(bytes)).buffer)
  return 'pixelData' in decoded ? decoded.pixelData : decoded
}

/** Removes the fill bytes that may precede the end marker (ITU-T T.81, B.1.1.2); the decoder does not handle them. */
function withoutFill(bytes: Buffer): Buffer {
  const end = bytes.lastIndexOf(Buffer.from([0xff, 0xd9]))
  let last = end
  while (last > 0 && bytes[last - 1] === 0xff) last--
  return last === end ? bytes : Buffer.concat([bytes.subarray(0, last), bytes.subarray(end)])
}

interface CodedSize {
  rows: number
  columns: number
  components: number
  bits: number
}

/** Reads the start-of-frame marker (ITU-T T.81, B.2.2; T.87 for JPEG-LS). */
function sizeOfJpeg(bytes: Buffer): CodedSize {
  let at = 2
  while (at + 10 <= bytes.length) {
    const marker = bytes.readUInt16BE(at)
    const isFrame =
      marker === 0xfff7 || (marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker))
    if (isFrame)
      return {
        rows: bytes.readUInt16BE(at + 5),
        columns: bytes.readUInt16BE(at + 7),
        components: bytes.readUInt8(at + 9),
        bits: bytes.readUInt8(at + 4),
      }
    at += marker === 0xffff ? 1 : 2 + bytes.readUInt16BE(at + 2)
  }
  throw new DicomDamage('its JPEG has no frame')
}

/** Reads the SIZ marker (ITU-T T.800, A.5.1). */
function sizeOfJpeg2000(bytes: Buffer, { bitsAllocated }: DicomStorage): CodedSize {
  const at = bytes.indexOf(Buffer.from([0xff, 0x4f, 0xff, 0x51])) + 2
  if (at < 2 || at + 41 > bytes.length) throw new DicomDamage('its JPEG 2000 stream has no size')
  const [right, bottom, left, top, tileWidth, tileHeight] = [6, 10, 14, 18, 22, 26].map(place =>
    bytes.readUInt32BE(at + place),
  ) as [number, number, number, number, number, number]
  if (tileWidth < right || tileHeight < bottom)
    throw new DicomDamage('its JPEG 2000 stream has tiles, which are not supported')
  const precision = bytes.readUInt8(at + 40)
  const bits = (precision & 0x7f) + 1
  const isSigned = precision > 0x7f
  // The decoder returns wrong numbers for fewer than 8 bits and for signed 8 bits.
  if (bits < 8 || (bits === 8 && isSigned))
    throw new DicomDamage(`has JPEG 2000 voxels of ${bits} bits, which are not supported`)
  if (bits > bitsAllocated) throw new DicomDamage(`has JPEG 2000 voxels of ${bits} bits in ${bitsAllocated}`)
  return { rows: bottom - top, columns: right - left, components: bytes.readUInt16BE(at + 38), bits }
}

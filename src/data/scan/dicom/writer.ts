import { randomUUID } from 'node:crypto'
import { LONG_VRS } from './elements.ts'

/** Text, numbers, raw bytes, or sequence items, depending on the value representation. */
export type DicomValue = string | readonly number[] | Buffer | readonly DicomItem[]
/** An element's tag, value representation and value. */
export type DicomElement = readonly [tag: number, vr: string, value: DicomValue]
export type DicomItem = readonly DicomElement[]

const EXPLICIT_LITTLE_UID = '1.2.840.10008.1.2.1'
const ITEM = 0xfffee000
/** Identifies this program as the writer of a file (PS3.7, D.3.3.2). */
const IMPLEMENTATION_UID = '2.25.206475385216213746812740498402317642357'
const IMPLEMENTATION_NAME = 'SADAAN_GPU'

/** A new identifier: a random UUID under the root 2.25 (PS3.5, B.2). */
export function newUid(): string {
  return `2.25.${BigInt(`0x${randomUUID().replaceAll('-', '')}`)}`
}

/** A file with one object, explicit VR little endian. `elements` may be in any order and include class and instance. */
export function encodeFile(sopClass: string, sopInstance: string, elements: DicomItem): Buffer {
  const meta = encodeElements([
    [0x00020001, 'OB', Buffer.from([0, 1])],
    [0x00020002, 'UI', sopClass],
    [0x00020003, 'UI', sopInstance],
    [0x00020010, 'UI', EXPLICIT_LITTLE_UID],
    [0x00020012, 'UI', IMPLEMENTATION_UID],
    [0x00020013, 'SH', IMPLEMENTATION_NAME],
  ])
  const length = encodeElements([[0x00020000, 'UL', [meta.length]]])
  return Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), length, meta, encodeElements(elements)])
}

function encodeElements(elements: DicomItem): Buffer {
  return Buffer.concat([...elements].sort(([a], [b]) => a - b).flatMap(encodeElement))
}

function encodeElement([tag, vr, value]: DicomElement): Buffer[] {
  const bytes = encodeValue(vr, value)
  const isLong = LONG_VRS.includes(vr)
  const header = Buffer.alloc(isLong ? 12 : 8)
  writeTag(header, tag)
  header.write(vr, 4, 'latin1')
  if (isLong) header.writeUInt32LE(bytes.length, 8)
  else header.writeUInt16LE(bytes.length, 6)
  return [header, bytes]
}

function encodeValue(vr: string, value: DicomValue): Buffer {
  if (typeof value === 'string') return padded(Buffer.from(value, 'utf8'), vr)
  if (Buffer.isBuffer(value)) return padded(value, vr)
  if (vr === 'SQ') return Buffer.concat((value as readonly DicomItem[]).flatMap(encodeItem))
  const numbers = value as readonly number[]
  if (vr === 'DS' || vr === 'IS') return padded(Buffer.from(numbers.map(decimal).join('\\')), vr)
  const step = vr === 'US' ? 2 : 4
  const bytes = Buffer.alloc(numbers.length * step)
  for (const [i, number] of numbers.entries())
    if (vr === 'US') bytes.writeUInt16LE(number, 2 * i)
    else if (vr === 'UL') bytes.writeUInt32LE(number, 4 * i)
    else writeTag(bytes.subarray(4 * i), number)
  return bytes
}

function encodeItem(elements: DicomItem): Buffer[] {
  const bytes = encodeElements(elements)
  const header = Buffer.alloc(8)
  writeTag(header, ITEM)
  header.writeUInt32LE(bytes.length, 4)
  return [header, bytes]
}

function writeTag(bytes: Buffer, tag: number): void {
  bytes.writeUInt16LE(tag >>> 16, 0)
  bytes.writeUInt16LE(tag & 0xffff, 2)
}

/** Pads a value to even length: identifiers and bytes with a zero, text with a space (PS3.5, 6.2). */
function padded(bytes: Buffer, vr: string): Buffer {
  if (bytes.length % 2 === 0) return bytes
  return Buffer.concat([bytes, Buffer.from(vr === 'UI' || vr.startsWith('O') ? '\0' : ' ')])
}

/** A number as a decimal string of at most 16 characters, with as many digits as fit. */
function decimal(value: number): string {
  for (let digits = 17; ; digits--) {
    const text = String(Number(value.toPrecision(digits)))
    if (text.length <= 16) return text
  }
}

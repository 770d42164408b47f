import { crc32, sha256 } from '../host/digest.ts'
import { InputError } from '../util/error.ts'

/** PKWARE APPNOTE 6.3: records of an archive with stored (uncompressed) entries; all numbers are little-endian. */
const localHeader = { signature: 0x04034b50, bytes: 30 }
const centralHeader = { signature: 0x02014b50, bytes: 46 }
const endRecord = { signature: 0x06054b50, bytes: 22 }
const zip64Record = { signature: 0x06064b50, bytes: 56 }
const zip64Locator = { signature: 0x07064b50, bytes: 20 }
const utf8Names = 0x0800
/** 1 January 1980, so that the bytes depend on the content only. */
const earliestDate = 0x21
/** torch memory-maps storages, so their bytes start at multiples of this. */
const alignment = 64
/** All ones mark a count or a size that Zip64 stores elsewhere. */
const maxEntries = 0xfffe
const maxBytes = 0xfffffffe
/**
 * Our archives end with a comment: this label and the hexadecimal SHA-256 of all bytes before the comment. torch and other zip readers
 * ignore it. The CRC-32 of each entry alone would not protect headers and directory.
 */
const sealLabel = 'sha256 '
const sealBytes = sealLabel.length + 64

export interface ZipEntry {
  name: string
  data: Uint8Array
}

/**
 * Entries of an uncompressed zip by name, as views of `bytes`. Verifies the CRC of each entry, and the SHA-256 of the archive if it has one.
 * Throws InputError, beginning with `where`: damaged, compressed, encrypted, Zip64, overlapping or duplicate entries.
 */
export function readZip(bytes: Uint8Array, where: string): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { count, start, end } = readEndRecord(view, where)
  const entries = new Map<string, Uint8Array>()
  let position = start
  let total = 0
  for (let i = 0; i < count; i++) {
    const header = readCentralHeader(view, position, end, where)
    position = header.next
    total += header.size
    // Overlapping entries could make us checksum far more bytes than the file has.
    if (total > bytes.length) throw new InputError(`${where}: the zip entries together are larger than the file`)
    if (entries.has(header.name)) throw new InputError(`${where}: zip entry ${quoted(header.name)} occurs twice`)
    const data = entryData(view, header, start, where)
    if (crc32(data) !== header.crc) {
      throw new InputError(`${where}: ${quoted(header.name)} is damaged (its CRC-32 differs from the one recorded)`)
    }
    entries.set(header.name, data)
  }
  if (position !== end) throw new InputError(`${where}: zip directory ends at byte ${position}, expected ${end}`)
  checkSeal(bytes, where)
  return entries
}

/** Whether the file ends with an end record and a comment of `commentBytes`. */
function endsWith(view: DataView, commentBytes: number): boolean {
  const end = view.byteLength - commentBytes - endRecord.bytes
  return (
    end >= 0 && view.getUint32(end, true) === endRecord.signature && view.getUint16(end + 20, true) === commentBytes
  )
}

function checkSeal(bytes: Uint8Array, where: string): void {
  const sealed = bytes.subarray(0, bytes.length - sealBytes)
  if (endsWith(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0)) return
  const recorded = new TextDecoder().decode(bytes.subarray(sealed.length))
  if (recorded !== sealLabel + sha256([sealed]))
    throw new InputError(`${where}: damaged (its SHA-256 differs from the one recorded)`)
}

/** Position and entry count of the directory. After the end record comes nothing (torch) or our seal. */
function readEndRecord(view: DataView, where: string) {
  const comment = [0, sealBytes].find(bytes => endsWith(view, bytes))
  if (comment === undefined)
    throw new InputError(`${where}: no zip directory at the end, the file is truncated or not a zip archive`)
  const end = view.byteLength - comment - endRecord.bytes
  const count = view.getUint16(end + 10, true)
  const size = view.getUint32(end + 12, true)
  const start = view.getUint32(end + 16, true)
  if (count > maxEntries || size > maxBytes || start > maxBytes) {
    throw new InputError(`${where}: a Zip64 archive, expected at most ${maxEntries} entries and 4 GiB`)
  }
  const gap = end - (start + size)
  if (view.getUint16(end + 8, true) !== count || (gap !== 0 && !isZip64Trailer(view, start + size, gap, start))) {
    throw new InputError(`${where}: zip directory of ${size} bytes at byte ${start}, expected it to end at byte ${end}`)
  }
  return { count, start, end: start + size }
}

/** torch writes both Zip64 records after every directory, even if not needed; they then agree with the end record. */
function isZip64Trailer(view: DataView, position: number, bytes: number, start: number): boolean {
  if (bytes !== zip64Record.bytes + zip64Locator.bytes) return false
  const locator = position + zip64Record.bytes
  return (
    view.getUint32(position, true) === zip64Record.signature &&
    view.getBigUint64(position + 48, true) === BigInt(start) &&
    view.getUint32(locator, true) === zip64Locator.signature &&
    view.getBigUint64(locator + 8, true) === BigInt(position)
  )
}

interface CentralHeader {
  name: string
  crc: number
  size: number
  offset: number
  next: number
}

function readCentralHeader(view: DataView, position: number, end: number, where: string): CentralHeader {
  if (position + centralHeader.bytes > end || view.getUint32(position, true) !== centralHeader.signature) {
    throw new InputError(`${where}: no zip directory entry at byte ${position}`)
  }
  const nameBytes = view.getUint16(position + 28, true)
  const nameStart = position + centralHeader.bytes
  const next = nameStart + nameBytes + view.getUint16(position + 30, true) + view.getUint16(position + 32, true)
  if (next > end) throw new InputError(`${where}: zip directory entry at byte ${position} reaches past the directory`)
  const name = readName(view, nameStart, nameBytes)
  const method = view.getUint16(position + 10, true)
  const size = view.getUint32(position + 24, true)
  if (method !== 0) throw new InputError(`${where}: ${quoted(name)} is compressed (method ${method}), expected stored`)
  if (view.getUint16(position + 8, true) & 1) throw new InputError(`${where}: ${quoted(name)} is encrypted`)
  if (view.getUint32(position + 20, true) !== size) {
    throw new InputError(`${where}: ${quoted(name)} is stored but has two different sizes`)
  }
  return { name, crc: view.getUint32(position + 16, true), size, offset: view.getUint32(position + 42, true), next }
}

function readName(view: DataView, start: number, length: number): string {
  return new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + start, length))
}

/** A name from the file for a message: short and on one line. */
function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 80))
}

function entryData(view: DataView, header: CentralHeader, limit: number, where: string): Uint8Array {
  const { name, offset, size } = header
  if (offset + localHeader.bytes > limit || view.getUint32(offset, true) !== localHeader.signature) {
    throw new InputError(`${where}: ${quoted(name)} has no zip header at byte ${offset}`)
  }
  const nameBytes = view.getUint16(offset + 26, true)
  const start = offset + localHeader.bytes + nameBytes + view.getUint16(offset + 28, true)
  if (start + size > limit) {
    throw new InputError(`${where}: ${quoted(name)} of ${size} bytes at byte ${start} reaches past byte ${limit}`)
  }
  if (readName(view, offset + localHeader.bytes, nameBytes) !== name || view.getUint16(offset + 8, true) !== 0) {
    throw new InputError(`${where}: the zip header at byte ${offset} does not belong to ${quoted(name)}`)
  }
  return new Uint8Array(view.buffer, view.byteOffset + start, size)
}

/** The archive in pieces, in order; the last is the seal. Throws InputError if it would need Zip64. */
export function writeZip(entries: readonly ZipEntry[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  const directory: Uint8Array[] = []
  let offset = 0
  for (const { name, data } of entries) {
    const nameBytes = new TextEncoder().encode(name)
    const shared = sharedFields(data)
    const header = writeLocalHeader(nameBytes, shared, offset)
    directory.push(writeCentralHeader(nameBytes, shared, offset))
    pieces.push(header, data)
    offset += header.length + data.length
  }
  const directoryBytes = directory.reduce((sum, piece) => sum + piece.length, 0)
  if (entries.length > maxEntries || offset + directoryBytes > maxBytes) {
    throw new InputError(`${entries.length} zip entries of ${offset} bytes: at most ${maxEntries} and 4 GiB fit`)
  }
  const sealed = [...pieces, ...directory, writeEndRecord(entries.length, offset, directoryBytes)]
  return [...sealed, new TextEncoder().encode(sealLabel + sha256(sealed))]
}

/** The 22 bytes shared by both headers of an entry: version needed, flags, method, time, date, CRC, size twice. */
function sharedFields(data: Uint8Array): Uint8Array {
  const fields = new DataView(new ArrayBuffer(22))
  fields.setUint16(0, 10, true)
  fields.setUint16(2, utf8Names, true)
  fields.setUint16(8, earliestDate, true)
  fields.setUint32(10, crc32(data), true)
  fields.setUint32(14, data.length, true)
  fields.setUint32(18, data.length, true)
  return new Uint8Array(fields.buffer)
}

/** Like torch, pads with an extra field 'FB' so that the data start at a multiple of 64. */
function writeLocalHeader(name: Uint8Array, shared: Uint8Array, offset: number): Uint8Array {
  const extraStart = localHeader.bytes + name.length
  const dataStart = Math.ceil((offset + extraStart + 4) / alignment) * alignment
  const header = new Uint8Array(dataStart - offset).fill(0x5a, extraStart)
  const view = new DataView(header.buffer)
  view.setUint32(0, localHeader.signature, true)
  header.set(shared, 4)
  view.setUint16(26, name.length, true)
  view.setUint16(28, header.length - extraStart, true)
  header.set(name, localHeader.bytes)
  header.set([0x46, 0x42], extraStart)
  view.setUint16(extraStart + 2, header.length - extraStart - 4, true)
  return header
}

function writeCentralHeader(name: Uint8Array, shared: Uint8Array, offset: number): Uint8Array {
  const header = new Uint8Array(centralHeader.bytes + name.length)
  const view = new DataView(header.buffer)
  view.setUint32(0, centralHeader.signature, true)
  view.setUint16(4, 10, true)
  header.set(shared, 6)
  view.setUint16(28, name.length, true)
  view.setUint32(42, offset, true)
  header.set(name, centralHeader.bytes)
  return header
}

function writeEndRecord(count: number, start: number, size: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(endRecord.bytes))
  view.setUint32(0, endRecord.signature, true)
  view.setUint16(8, count, true)
  view.setUint16(10, count, true)
  view.setUint32(12, size, true)
  view.setUint32(16, start, true)
  view.setUint16(20, sealBytes, true)
  return new Uint8Array(view.buffer)
}

import { fstatSync } from 'node:fs'
import { COMPRESSED, type DicomStorage, decodeFrame, RLE } from './codec.ts'
import { DicomDamage, type ElementHeader, elementHeader, IMPLICIT_LITTLE } from './elements.ts'
import { type DicomFile, inflateFile, readAt, withDicomFile } from './file.ts'
import { DEFLATED, NATIVE } from './start.ts'

const RUNS = 64 // run-length encoding makes data at most this many times smaller

/** Reads `length` bytes from `start`, or fewer at the end of the data. */
type Read = (start: number, length: number) => Buffer

/**
 * Calls `use` with the stored values (rows · columns) of each frame in `wanted`, one frame in memory at a time.
 * Throws InputError: unsupported transfer syntax, truncated or damaged pixels.
 */
export function readFrames(
  header: DicomFile,
  storage: DicomStorage,
  frames: number,
  wanted: readonly number[],
  use: (frame: number, stored: ArrayLike<number>) => void,
): void {
  const { path, transferSyntax, encoding, pixels } = header
  withDicomFile(path, file => {
    if (!pixels) throw new DicomDamage('has no pixels')
    const isCompressed = COMPRESSED.includes(transferSyntax)
    if (!isCompressed && !NATIVE.includes(transferSyntax))
      throw new DicomDamage(`transfer syntax ${transferSyntax} is not supported`)
    const expected = frames * frameBytes(storage)
    let [read, length]: [Read, number] = [(start, count) => readAt(file, start, count), fstatSync(file).size]
    if (transferSyntax === DEFLATED) {
      const inflated = inflateFile(file, header.meta.end, pixels.start + expected)
      ;[read, length] = [(start, count) => inflated.subarray(start, start + count), inflated.length]
    }
    const frameAt = isCompressed
      ? compressedFrames(read, pixels, frames, length)
      : nativeFrames(read, header, storage, pixels, Math.min(length, pixels.start + (pixels.length ?? 0)), expected)
    for (const frame of wanted) {
      const bytes = frameAt(frame)
      const words = isCompressed
        ? decodeFrame(bytes, transferSyntax, storage)
        : wordsOf(bytes, storage, encoding.little)
      use(frame, storedNumbers(words, storage))
    }
  })
}

/** Throws InputError if the file is too short for the pixels that its header states, before any memory is taken for them. */
export function checkPixelBytes(
  { path, pixels, transferSyntax }: DicomFile,
  storage: DicomStorage,
  frames: number,
): void {
  withDicomFile(path, file => {
    if (!pixels) throw new DicomDamage('has no pixels')
    const expected = frames * frameBytes(storage)
    const there = fstatSync(file).size - pixels.start
    if (transferSyntax === RLE && there * RUNS < expected) throw tooShort(there, expected)
    if (!NATIVE.includes(transferSyntax) || transferSyntax === DEFLATED) return
    const stated = Math.min(there, pixels.length ?? 0)
    if (stated < expected) throw tooShort(stated, expected)
  })
}

function tooShort(bytes: number, expected: number): DicomDamage {
  return new DicomDamage(`holds ${Math.max(0, bytes)} bytes of pixels, its header states ${expected}: truncated`)
}

function frameBytes({ rows, columns, bitsAllocated }: DicomStorage): number {
  return rows * columns * (bitsAllocated / 8)
}

function nativeFrames(
  read: Read,
  { encoding }: DicomFile,
  storage: DicomStorage,
  { start, vr }: ElementHeader,
  end: number,
  expected: number,
): (frame: number) => Buffer {
  if (end - start < expected) throw tooShort(end - start, expected)
  const bytes = frameBytes(storage)
  const isSwapped = !encoding.little && storage.bitsAllocated === 8 && vr === 'OW' && bytes % 2 === 0
  return frame => {
    const words = read(start + frame * bytes, bytes)
    return isSwapped ? words.swap16() : words
  }
}

/** Compressed frames are stored as fragments after an offset table (PS3.5, A.4). */
function compressedFrames(read: Read, pixels: ElementHeader, frames: number, end: number): (frame: number) => Buffer {
  if (pixels.length !== undefined)
    throw new DicomDamage('its transfer syntax is a compressed one, but its pixels are not compressed')
  const [table, ...fragments] = fragmentsOf(read, pixels.start, end)
  if (!table) throw new DicomDamage('its compressed pixels have no offset table')
  const join = (parts: readonly Fragment[]): Buffer =>
    Buffer.concat(parts.map(({ start, length }) => read(start, length)))
  if (frames === 1) return () => join(fragments)
  if (fragments.length === frames) return frame => join(fragments.slice(frame, frame + 1))
  const offsets = read(table.start, table.length)
  if (offsets.length !== 4 * frames)
    throw new DicomDamage(`has ${fragments.length} fragments for ${frames} frames and no offset table`)
  const first = table.start + table.length
  const startOf = (frame: number): number => (frame < frames ? first + offsets.readUInt32LE(4 * frame) : end)
  return frame => join(fragments.filter(({ start }) => start - 8 >= startOf(frame) && start - 8 < startOf(frame + 1)))
}

interface Fragment {
  start: number
  length: number
}

function fragmentsOf(read: Read, from: number, end: number): Fragment[] {
  const fragments: Fragment[] = []
  let at = from
  for (;;) {
    const { tag, length } = elementHeader(read(at, 8), 0, IMPLICIT_LITTLE)
    if (tag === 0xfffee0dd) return fragments
    if (tag !== 0xfffee000 || length === undefined) throw new DicomDamage(`damaged at byte ${at}: expected a fragment`)
    if (at + 8 + length > end) throw new DicomDamage('its compressed pixels are truncated')
    fragments.push({ start: at + 8, length })
    at += 8 + length
  }
}

/** Converts words to the values of their stored bits, with sign. */
function storedNumbers(words: ArrayLike<number>, storage: DicomStorage): Float64Array {
  const { bitsStored, highBit, isSigned } = storage
  const shift = highBit + 1 - bitsStored
  const mask = bitsStored === 32 ? -1 : 2 ** bitsStored - 1
  const [half, range] = [2 ** (bitsStored - 1), 2 ** bitsStored]
  const numbers = new Float64Array(storage.rows * storage.columns)
  for (let v = 0; v < numbers.length; v++) {
    const bits = ((words[v]! >>> shift) & mask) >>> 0
    numbers[v] = isSigned && bits >= half ? bits - range : bits
  }
  return numbers
}

/** Native pixel bytes as words of this machine, which is little-endian. */
function wordsOf(
  bytes: Buffer,
  { bitsAllocated }: DicomStorage,
  little: boolean,
): Uint8Array | Uint16Array | Uint32Array {
  if (bitsAllocated === 8) return bytes
  const own = Buffer.alloc(bytes.length, bytes) // a copy, aligned for words
  if (bitsAllocated === 16) {
    if (!little) own.swap16()
    return new Uint16Array(own.buffer, own.byteOffset, own.length / 2)
  }
  if (!little) own.swap32()
  return new Uint32Array(own.buffer, own.byteOffset, own.length / 4)
}

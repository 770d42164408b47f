import { deflateRawSync } from 'node:zlib'

/** DICOM files built byte by byte from the standard's part 5, for tests. */
export type Syntax = 'implicit' | 'explicit' | 'big' | 'deflated' | 'rle'

export type Item = Readonly<Record<number, readonly [vr: string, value: string | readonly number[] | readonly Item[]]>>

export const UID = {
  implicit: '1.2.840.10008.1.2',
  explicit: '1.2.840.10008.1.2.1',
  deflated: '1.2.840.10008.1.2.1.99',
  big: '1.2.840.10008.1.2.2',
  rle: '1.2.840.10008.1.2.5',
} as const

const LONG = ['OB', 'OW', 'SQ', 'UN', 'UT']

/**
 * A file of 16-bit pixels; `pixels` are stored words, row by row. `start`: without it, preamble and the transfer syntax; 'bare', the data set
 * alone; an item, more meta elements after a preamble.
 */
export function dicomBytes(
  syntax: Syntax,
  elements: Item,
  pixels: readonly number[],
  start: 'bare' | 'without preamble' | Item = {},
): Buffer {
  const isLittle = syntax !== 'big'
  const isExplicit = syntax !== 'implicit'
  const words = Buffer.alloc(2 * pixels.length)
  for (const [v, word] of pixels.entries())
    if (isLittle) words.writeUInt16LE(word & 0xffff, 2 * v)
    else words.writeUInt16BE(word & 0xffff, 2 * v)
  const body = Buffer.concat([
    encode(elements, isExplicit, isLittle),
    ...(syntax === 'rle'
      ? runLengthElement(words)
      : [header(0x7fe00010, 'OW', words.length, isExplicit, isLittle), words]),
  ])
  if (start === 'bare') return body
  const isMarked = start !== 'without preamble'
  return Buffer.concat([
    isMarked ? Buffer.concat([Buffer.alloc(128), Buffer.from('DICM')]) : Buffer.alloc(0),
    encode({ 131088: ['UI', UID[syntax]], ...(isMarked && start) }, true, true),
    syntax === 'deflated' ? deflateRawSync(body) : body,
  ])
}

function encode(elements: Item, isExplicit: boolean, isLittle: boolean): Buffer {
  const tags = Object.keys(elements).map(Number)
  return Buffer.concat(
    tags
      .sort((a, b) => a - b)
      .flatMap(tag => {
        const [vr, value] = elements[tag]!
        const bytes = encodeValue(vr, value, isExplicit, isLittle)
        // sequences of undefined length in files that name types: both ways occur in a test's files
        const isOpen = vr === 'SQ' && isExplicit
        const end = isOpen ? [header(0xfffee0dd, '', 0, false, isLittle)] : []
        return [header(tag, vr, isOpen ? 0xffffffff : bytes.length, isExplicit, isLittle), bytes, ...end]
      }),
  )
}

function encodeValue(vr: string, value: Item[number][1], isExplicit: boolean, isLittle: boolean): Buffer {
  if (typeof value === 'string') return Buffer.from(value.length % 2 ? `${value}${vr === 'UI' ? '\0' : ' '}` : value)
  if (vr === 'SQ')
    return Buffer.concat(
      (value as readonly Item[]).flatMap(item => {
        const bytes = encode(item, isExplicit, isLittle)
        return [header(0xfffee000, '', bytes.length, false, isLittle), bytes]
      }),
    )
  const bytes = Buffer.alloc(2 * value.length)
  for (const [i, number] of (value as readonly number[]).entries())
    if (isLittle) bytes.writeUInt16LE(number, 2 * i)
    else bytes.writeUInt16BE(number, 2 * i)
  return bytes
}

function header(tag: number, vr: string, length: number, isExplicit: boolean, isLittle: boolean): Buffer {
  const isLong = isExplicit && LONG.includes(vr)
  const bytes = Buffer.alloc(isLong ? 12 : 8)
  const word = (value: number, at: number): number =>
    isLittle ? bytes.writeUInt16LE(value, at) : bytes.writeUInt16BE(value, at)
  const long = (value: number, at: number): number =>
    isLittle ? bytes.writeUInt32LE(value, at) : bytes.writeUInt32BE(value, at)
  word(tag >>> 16, 0)
  word(tag & 0xffff, 2)
  if (!isExplicit || vr === '') long(length, 4)
  else {
    bytes.write(vr, 4, 'latin1')
    if (isLong) long(length, 8)
    else word(length, 6)
  }
  return bytes
}

/** One frame of 16 bits: a segment of the high bytes, a segment of the low ones, runs of equal bytes shortened (PS3.5, annex G). */
function runLengthElement(words: Buffer): Buffer[] {
  const halves = [1, 0].map(offset => packBits(words.filter((_, v) => v % 2 === offset)))
  const start = Buffer.alloc(64)
  for (const [i, value] of [2, 64, 64 + halves[0]!.length].entries()) start.writeUInt32LE(value, 4 * i)
  const frame = Buffer.concat([start, ...halves])
  return [
    header(0x7fe00010, 'OB', 0xffffffff, true, true),
    header(0xfffee000, '', 0, false, true),
    header(0xfffee000, '', frame.length, false, true),
    frame,
    header(0xfffee0dd, '', 0, false, true),
  ]
}

function packBits(bytes: Uint8Array): Buffer {
  const packed: number[] = []
  for (let at = 0; at < bytes.length; ) {
    let run = 1
    while (run < 128 && at + run < bytes.length && bytes[at + run] === bytes[at]) run++
    packed.push(...(run > 1 ? [257 - run, bytes[at]!] : [0, bytes[at]!]))
    at += run
  }
  return Buffer.from(packed.length % 2 ? [...packed, 128] : packed)
}

/** How the elements of a data set are written: with their value representation or without, low byte first or high. */
export interface DicomEncoding {
  explicit: boolean
  little: boolean
}

export interface ElementHeader {
  tag: number // group · 65536 + element
  vr: string // '' where the encoding leaves it out
  start: number // of the value
  length: number | undefined // bytes; undefined: up to a delimiter
}

interface Element {
  vr: string
  start: number
  end: number
}

/** The bytes are no DICOM data set. `isCutOff`: they end where more was announced. */
export class DicomDamage extends Error {
  override name = 'DicomDamage'
  readonly isCutOff: boolean
  constructor(message: string, isCutOff = false) {
    super(message)
    this.isCutOff = isCutOff
  }
}

export const IMPLICIT_LITTLE: DicomEncoding = { explicit: false, little: true }
export const EXPLICIT_LITTLE: DicomEncoding = { explicit: true, little: true }
/** Value representations whose length takes four bytes behind two that are reserved (PS3.5, 7.1.2). */
export const LONG_VRS: readonly string[] = 'OB OD OF OL OV OW SQ SV UC UN UR UT UV'.split(' ')

const UNDEFINED_LENGTH = 0xffffffff
const ITEM = 0xfffee000
const ITEM_END = 0xfffee00d
const SEQUENCE_END = 0xfffee0dd
const DEEPEST = 32 // sequences in sequences

/** The elements of a data set (PS3.5, part 7) or of an item of a sequence. Values are read when they are asked for. */
export class DicomElements {
  /** Where the first element lies that is none of these, or the end. */
  readonly end: number
  private readonly bytes: Buffer
  private readonly encoding: DicomEncoding
  private readonly elements = new Map<number, Element>()

  /** Reads on up to `end`, or up to the first element whose tag `stopsAt`. Throws DicomDamage. */
  constructor(
    bytes: Buffer,
    encoding: DicomEncoding,
    start: number,
    end: number,
    stopsAt: (tag: number) => boolean = () => false,
  ) {
    this.bytes = bytes
    this.encoding = encoding
    let at = start
    while (at < end) {
      if (stopsAt(tagAt(bytes, at, encoding))) break
      const { tag, vr, start: from, length } = elementHeader(bytes, at, encoding)
      const [valueEnd, next] =
        length === undefined ? delimited(bytes, from, contentEncoding(vr, encoding), 0) : [from + length, from + length]
      if (next > end) throw new DicomDamage(`element ${tagText(tag)} ends behind the data`, true)
      this.elements.set(tag, { vr, start: from, end: valueEnd })
      at = next
    }
    this.end = at
  }

  has(tag: number): boolean {
    return this.elements.has(tag)
  }

  /** The value as stored, texts in their character set. */
  raw(tag: number): Buffer | undefined {
    const element = this.elements.get(tag)
    return element && this.bytes.subarray(element.start, element.end)
  }

  /** A text without its padding; undefined where there is none or it is empty. */
  text(tag: number): string | undefined {
    const text = this.raw(tag)
      ?.toString('latin1')
      .replace(/[\0 ]+$/, '')
      .trimStart()
    return text === '' ? undefined : text
  }

  /** A decimal or integer string of one or several numbers. */
  numbers(tag: number): number[] | undefined {
    return this.text(tag)
      ?.split('\\')
      .map(part => (part.trim() === '' ? Number.NaN : Number(part)))
  }

  /** An unsigned 16-bit number. */
  word(tag: number): number | undefined {
    const value = this.raw(tag)
    if (!value || value.length < 2) return undefined
    return this.encoding.little ? value.readUInt16LE(0) : value.readUInt16BE(0)
  }

  /** The items of a sequence; none where it is not there. */
  items(tag: number): DicomElements[] {
    const element = this.elements.get(tag)
    const items: DicomElements[] = []
    if (!element) return items
    const encoding = contentEncoding(element.vr, this.encoding)
    let at = element.start
    while (at < element.end) {
      const [start, end, next] = itemAt(this.bytes, at, encoding, 0)
      items.push(new DicomElements(this.bytes.subarray(0, end), encoding, start, end))
      at = next
    }
    return items
  }
}

/** The tag, value representation and length at `at`. Throws DicomDamage. */
export function elementHeader(bytes: Buffer, at: number, encoding: DicomEncoding): ElementHeader {
  const tag = tagAt(bytes, at, encoding)
  const { explicit, little } = encoding
  const word = (place: number): number => (little ? bytes.readUInt16LE(place) : bytes.readUInt16BE(place))
  const long = (place: number): number => (little ? bytes.readUInt32LE(place) : bytes.readUInt32BE(place))
  const header = (vr: string, start: number, length: number): ElementHeader => ({
    tag,
    vr,
    start,
    length: length === UNDEFINED_LENGTH ? undefined : length,
  })
  if (!explicit || word(at) === 0xfffe) return header('', at + 8, long(at + 4))
  const vr = bytes.toString('latin1', at + 4, at + 6)
  if (!/^[A-Z]{2}$/.test(vr)) throw new DicomDamage(`damaged at byte ${at}: element ${tagText(tag)} has no type`)
  if (!LONG_VRS.includes(vr)) return header(vr, at + 8, word(at + 6))
  if (at + 12 > bytes.length) throw new DicomDamage(`ends within an element, at byte ${at}`, true)
  return header(vr, at + 12, long(at + 8))
}

function tagAt(bytes: Buffer, at: number, { little }: DicomEncoding): number {
  if (at + 8 > bytes.length) throw new DicomDamage(`ends within an element, at byte ${at}`, true)
  const word = (place: number): number => (little ? bytes.readUInt16LE(place) : bytes.readUInt16BE(place))
  return word(at) * 65536 + word(at + 2)
}

/** What is of unknown type was taken over from a file without types (PS3.5, 6.2.2). */
function contentEncoding(vr: string, encoding: DicomEncoding): DicomEncoding {
  return vr === 'UN' ? IMPLICIT_LITTLE : encoding
}

/** Where the items from `at` to the delimiter end, without it and with it. */
function delimited(bytes: Buffer, at: number, encoding: DicomEncoding, depth: number): [end: number, next: number] {
  let place = at
  while (elementHeader(bytes, place, encoding).tag !== SEQUENCE_END)
    place = itemAt(bytes, place, encoding, depth + 1)[2]
  return [place, place + 8]
}

function itemAt(bytes: Buffer, at: number, encoding: DicomEncoding, depth: number): [number, number, number] {
  const { tag, start, length } = elementHeader(bytes, at, encoding)
  if (tag !== ITEM || depth > DEEPEST) throw new DicomDamage(`damaged at byte ${at}: expected an item of a sequence`)
  if (length !== undefined) {
    if (start + length > bytes.length) throw new DicomDamage(`ends within an item, at byte ${at}`, true)
    return [start, start + length, start + length]
  }
  let place = start
  for (;;) {
    const element = elementHeader(bytes, place, encoding)
    if (element.tag === ITEM_END) return [start, place, place + 8]
    place =
      element.length === undefined
        ? delimited(bytes, element.start, contentEncoding(element.vr, encoding), depth + 1)[1]
        : element.start + element.length
  }
}

/** As in "(0028,0010)". */
function tagText(tag: number): string {
  const digits = tag.toString(16).padStart(8, '0')
  return `(${digits.slice(0, 4)},${digits.slice(4)})`
}

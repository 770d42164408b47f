/** Encoding of a data set: explicit or implicit value representation, little or big endian. */
export interface DicomEncoding {
  explicit: boolean
  little: boolean
}

export interface ElementHeader {
  tag: number // group · 65536 + element
  vr: string // '' if the encoding omits it
  start: number // of the value
  length: number | undefined // bytes; undefined: ends at a delimiter
}

interface Element {
  vr: string
  start: number
  end: number
}

/** The bytes are not a valid DICOM data set. `isCutOff`: they end too early. */
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
/** Value representations with a four-byte length after two reserved bytes (PS3.5, 7.1.2). */
export const LONG_VRS: readonly string[] = 'OB OD OF OL OV OW SQ SV UC UN UR UT UV'.split(' ')

const UNDEFINED_LENGTH = 0xffffffff
const ITEM = 0xfffee000
const ITEM_END = 0xfffee00d
const SEQUENCE_END = 0xfffee0dd
const MAX_DEPTH = 32 // of nested sequences

/** The elements of a data set (PS3.5, part 7) or of a sequence item. Values are decoded on access. */
export class DicomElements {
  /** Offset of the first element after these, or the end. */
  readonly end: number
  private readonly bytes: Buffer
  private readonly encoding: DicomEncoding
  private readonly elements = new Map<number, Element>()

  /** Parses up to `end`, or up to the first element for whose tag `stopsAt` is true. Throws DicomDamage. */
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
      if (next > end) throw new DicomDamage(`element ${tagText(tag)} extends past the end of the data`, true)
      this.elements.set(tag, { vr, start: from, end: valueEnd })
      at = next
    }
    this.end = at
  }

  has(tag: number): boolean {
    return this.elements.has(tag)
  }

  /** The value as stored; text in its character set. */
  raw(tag: number): Buffer | undefined {
    const element = this.elements.get(tag)
    return element && this.bytes.subarray(element.start, element.end)
  }

  /** A text without padding; undefined if absent or empty. */
  text(tag: number): string | undefined {
    const text = this.raw(tag)
      ?.toString('latin1')
      .replace(/[\0 ]+$/, '')
      .trimStart()
    return text === '' ? undefined : text
  }

  /** The numbers of a decimal or integer string. */
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

  /** The items of a sequence; none if it is absent. */
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

/** An element of type UN was copied from a file with implicit types (PS3.5, 6.2.2). */
function contentEncoding(vr: string, encoding: DicomEncoding): DicomEncoding {
  return vr === 'UN' ? IMPLICIT_LITTLE : encoding
}

/** The end of the items from `at` to the delimiter, without and with the delimiter. */
function delimited(bytes: Buffer, at: number, encoding: DicomEncoding, depth: number): [end: number, next: number] {
  let place = at
  while (elementHeader(bytes, place, encoding).tag !== SEQUENCE_END)
    place = itemAt(bytes, place, encoding, depth + 1)[2]
  return [place, place + 8]
}

function itemAt(bytes: Buffer, at: number, encoding: DicomEncoding, depth: number): [number, number, number] {
  const { tag, start, length } = elementHeader(bytes, at, encoding)
  if (tag !== ITEM || depth > MAX_DEPTH) throw new DicomDamage(`damaged at byte ${at}: expected a sequence item`)
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

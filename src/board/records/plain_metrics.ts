import { millisecondsOf } from '../../track/time.ts'
import type { Column, MetricColumns } from './column.ts'

/** Anything but the plain form. */
class OtherForm extends Error {}

const [QUOTE, COMMA, MINUS, DOT, ZERO, NINE, COLON] = [0x22, 0x2c, 0x2d, 0x2e, 0x30, 0x39, 0x3a]
const [OPEN_LIST, BACKSLASH, CLOSE_LIST, OPEN, CLOSE] = [0x5b, 0x5c, 0x5d, 0x7b, 0x7d]
const LETTER_T = 0x54
const EXACT_DIGITS = 15 // of an integer that a double holds whatever they are

/**
 * Reads metrics.json in the form that this program and Sacred mostly write it, without building it in memory: an object of series, each with lists
 * `steps`, `timestamps` and `values` of one length, numbers, text without escapes, null or NaN. False if it is anything else; the columns may then hold a part.
 */
export function readPlainMetrics(bytes: Buffer, columnsOf: (name: string) => MetricColumns): boolean {
  try {
    new Reader(bytes).metrics(columnsOf)
    return true
  } catch (error) {
    if (error instanceof OtherForm) return false
    throw error
  }
}

class Reader {
  private readonly bytes: Buffer
  private at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  metrics(columnsOf: (name: string) => MetricColumns): void {
    this.members(name => this.series(columnsOf(name)))
    if (this.next() !== undefined) throw new OtherForm()
  }

  private series({ steps, times, values }: MetricColumns): void {
    const lists: Record<string, () => void> = {
      steps: () => this.list(steps, () => this.number()),
      timestamps: () => this.list(times, () => this.time()),
      values: () => this.list(values, () => this.value()),
    }
    this.members(name => {
      if (!Object.hasOwn(lists, name)) throw new OtherForm()
      lists[name]!()
    })
    if (steps.length !== values.length || times.length !== values.length) throw new OtherForm()
  }

  private members(read: (name: string) => void): void {
    this.items(OPEN, CLOSE, () => {
      const name = this.text()
      this.take(COLON)
      read(name)
    })
  }

  private list(column: Column, read: () => number): void {
    this.items(OPEN_LIST, CLOSE_LIST, () => column.push(read()))
  }

  private items(open: number, close: number, read: () => void): void {
    this.take(open)
    if (this.next() === close) {
      this.at++
      return
    }
    for (;;) {
      read()
      const byte = this.next()
      this.at++
      if (byte === close) return
      if (byte !== COMMA) throw new OtherForm()
    }
  }

  /** The byte after white space; it is not taken. */
  private next(): number | undefined {
    const { bytes } = this
    while (bytes[this.at]! <= 0x20) this.at++
    return bytes[this.at]
  }

  private take(byte: number): void {
    if (this.next() !== byte) throw new OtherForm()
    this.at++
  }

  private text(): string {
    this.take(QUOTE)
    const start = this.at
    const end = this.bytes.indexOf(QUOTE, start)
    const text = this.bytes.toString('utf8', start, end)
    if (end < 0 || text.includes(String.fromCharCode(BACKSLASH))) throw new OtherForm()
    this.at = end + 1
    return text
  }

  /** Sacred's times have fixed places, so no text is made of them. */
  private time(): number {
    this.next()
    const start = this.at + 1
    const isSacred = this.bytes[start + 10] === LETTER_T && this.bytes[start + 19] === DOT
    if (!isSacred) return millisecondsOf(this.text())
    const digits = (from: number, count: number): number => {
      let value = 0
      for (let i = start + from; i < start + from + count; i++) value = 10 * value + this.bytes[i]! - ZERO
      return value
    }
    const day = Date.UTC(digits(0, 4), digits(5, 2) - 1, digits(8, 2))
    this.at = this.bytes.indexOf(QUOTE, start) + 1
    if (this.at === 0) throw new OtherForm()
    return day + 1000 * (3600 * digits(11, 2) + 60 * digits(14, 2) + digits(17, 2)) + digits(20, 3)
  }

  private number(): number {
    const first = this.next()
    const start = this.at
    const { bytes } = this
    let whole = 0
    while (bytes[this.at]! >= ZERO && bytes[this.at]! <= NINE) whole = 10 * whole + bytes[this.at++]! - ZERO
    const isWhole = this.at > start && this.at - start <= EXACT_DIGITS && first !== ZERO
    if (isWhole && !isOfNumber(bytes[this.at])) return whole
    while (isOfNumber(bytes[this.at])) this.at++
    const text = bytes.toString('latin1', start, this.at)
    if (!/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) throw new OtherForm()
    return Number(text)
  }

  /** A number, or NaN for null and what Python writes: NaN, Infinity, -Infinity. */
  private value(): number {
    const first = this.next()
    if (first !== undefined && ((first >= ZERO && first <= NINE) || this.bytes[this.at + 1]! <= NINE))
      return this.number()
    const word = /^(?:null|NaN|-?Infinity)/.exec(this.bytes.toString('latin1', this.at, this.at + 9))?.[0]
    if (word === undefined) throw new OtherForm()
    this.at += word.length
    return Number.NaN
  }
}

/** Digits, sign, point, exponent. */
function isOfNumber(byte: number | undefined): boolean {
  if (byte === undefined) return false
  return (byte >= ZERO && byte <= NINE) || byte === DOT || byte === MINUS || byte === 0x2b || (byte | 0x20) === 0x65
}

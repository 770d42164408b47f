import { readSync } from 'node:fs'
import { InputError } from '../../../util/error.ts'
import { listed } from '../../../util/listing.ts'

const MOST = 2 ** 20 // bytes of a header
const PIECE = 2 ** 14 // bytes read at first, then as many as before

/** The lines of a header and the byte behind it. */
export interface TextHeader {
  lines: string[]
  end: number
}

/**
 * Reads the text at the start of a file up to the place that `endOf` finds in it; it gets a character for each byte. If it finds none, the header
 * is the whole file. Throws InputError if that is longer than any header; `expected` says what the file should be.
 */
export function readTextHeader(
  file: number,
  path: string,
  { endOf, expected }: { endOf: (text: string) => number | undefined; expected: string },
): TextHeader {
  let bytes = Buffer.alloc(0)
  for (let length = PIECE; length <= MOST; length *= 2) {
    const more = Buffer.alloc(length - bytes.length)
    const got = readSync(file, more, 0, more.length, bytes.length)
    bytes = Buffer.concat([bytes, more.subarray(0, got)])
    const end = endOf(bytes.toString('latin1')) ?? (got < more.length ? bytes.length : undefined)
    if (end !== undefined) return { lines: bytes.toString('utf8', 0, end).split(/\r?\n/), end }
  }
  throw new InputError(`${path}: is not ${expected}: no header ends in its first ${MOST} bytes`)
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i

/** The number that a word is; undefined if it is none, or not finite. */
export function numberOf(word: string): number | undefined {
  const value = NUMBER.test(word) ? Number(word) : Number.NaN
  return Number.isFinite(value) ? value : undefined
}

export function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter(word => word !== '')
}

/** The fields of a header by name. Names are the same if they differ only in case and blanks, or are aliases. */
export class HeaderFields {
  private readonly path: string
  private readonly aliases: Readonly<Record<string, string>>
  private readonly fields = new Map<string, { name: string; value: string }>()

  constructor(path: string, aliases: Readonly<Record<string, string>> = {}) {
    this.path = path
    this.aliases = aliases
  }

  /** Throws InputError if the header has the field already. */
  add(name: string, value: string): void {
    const key = this.keyOf(name)
    const before = this.fields.get(key)
    if (before) throw new InputError(`${this.path}: states '${name}' twice ('${before.value}' and '${value}')`)
    this.fields.set(key, { name, value })
  }

  text(name: string): string | undefined {
    return this.fields.get(this.keyOf(name))?.value
  }

  /** Throws InputError if the header lacks the field. */
  required(name: string): string {
    const value = this.text(name)
    if (value === undefined) throw new InputError(`${this.path}: its header states no '${name}'`)
    return value
  }

  /** `count` finite numbers; undefined if the header lacks the field. Throws InputError if it holds anything else. */
  numbers(name: string, count: number): number[] | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    const numbers = wordsOf(value).map(numberOf)
    if (numbers.length !== count || numbers.includes(undefined))
      throw this.wrong(name, `${count} number${count === 1 ? '' : 's'}`)
    return numbers as number[]
  }

  /** An integer of at least `least`; undefined if the header lacks the field. Throws InputError if it is anything else. */
  integer(name: string, least: number): number | undefined {
    const value = this.numbers(name, 1)?.[0]
    if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return value
    throw this.wrong(name, `an integer of at least ${least}`)
  }

  /** The lengths of the axes. Throws InputError. */
  lengths(name: string, rank: number): number[] {
    this.required(name)
    const lengths = this.numbers(name, rank)!
    if (lengths.some(length => !Number.isInteger(length) || length < 1)) throw this.wrong(name, 'positive lengths')
    return lengths
  }

  /** What the field means, one of the words in `meanings`; undefined if the header lacks it. Throws InputError. */
  choice<T>(name: string, meanings: Readonly<Record<string, T>>, shown = Object.keys(meanings)): T | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    const word = value.trim().toLowerCase().replace(/\s+/g, ' ')
    if (!Object.hasOwn(meanings, word)) throw this.wrong(name, listed(shown))
    return meanings[word]
  }

  wrong(name: string, expected: string): InputError {
    const field = this.fields.get(this.keyOf(name))
    return new InputError(`${this.path}: its ${field?.name ?? name} is '${field?.value}', expected ${expected}`)
  }

  private keyOf(name: string): string {
    const key = name.toLowerCase().replace(/\s+/g, '')
    return Object.hasOwn(this.aliases, key) ? this.aliases[key]! : key
  }
}

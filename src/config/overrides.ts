import { InputError } from '../util/error.ts'
import { listed } from '../util/listing.ts'
import { nearest } from '../util/nearest.ts'
import { isJsonObject, type Json, type JsonObject } from './json.ts'
import { NAMED_CONFIGS } from './named.ts'

/** The words after `with`, by kind. */
export interface Overrides {
  /** Named configurations and configuration files (.json), in the order given. */
  bases: string[]
  /** The `a.b=value` words as one tree; later words override earlier ones. */
  values: JsonObject
}

/**
 * Reads the words after `with`: `a.b=value` (a Python literal, else plain text), a named configuration, or the path of a
 * configuration file. Throws InputError for any other word, with the nearest name.
 */
export function parseOverrides(words: readonly string[]): Overrides {
  const overrides: Overrides = { bases: [], values: {} }
  for (const word of words) {
    const equals = word.indexOf('=')
    if (equals < 0 && (word.toLowerCase().endsWith('.json') || Object.hasOwn(NAMED_CONFIGS, word))) {
      overrides.bases.push(word)
      continue
    }
    const path = word.slice(0, Math.max(equals, 0)).split('.')
    if (path.some(key => !/^\w+$/.test(key))) throw wordError(word)
    const value = parseLiteral(word.slice(equals + 1))
    const tree = path.reduceRight<Json>((inner, key) => Object.fromEntries([[key, inner]]), value)
    overrides.values = merge(overrides.values, tree as JsonObject)
  }
  return overrides
}

function wordError(word: string): InputError {
  const names = Object.keys(NAMED_CONFIGS)
  const meant = nearest(word, names)
  const hint = meant === undefined ? ` (${listed(names)})` : `; did you mean "${meant}"?`
  const expected = `expected key=value, a .json file or a named configuration${word.includes('=') ? '' : hint}`
  return new InputError(`configuration: ${JSON.stringify(word)} (from the command line), ${expected}`)
}

/** Merges `over` into a copy of `base`: dictionaries merge, everything else is replaced. Own keys only, so `__proto__` is a plain key. */
export function merge(base: JsonObject, over: JsonObject): JsonObject {
  const merged = new Map<string, Json>(Object.entries(base))
  for (const [key, value] of Object.entries(over)) {
    const below = merged.get(key)
    merged.set(key, isJsonObject(below) && isJsonObject(value) ? merge(below, value) : value)
  }
  return Object.fromEntries(merged)
}

/** The value of a Python literal (None is null, tuples are lists, dictionary keys are text; true and false count too), else `text` itself. */
export function parseLiteral(text: string): Json {
  const value = new LiteralReader(text).whole()
  return value === undefined ? text : value
}

const NUMBER =
  /[+-]?\s*(?:0[xX](?:_?[\da-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|(?:\d(?:_?\d)*)?\.?(?:\d(?:_?\d)*)?(?:(?<=[\d.])[eE][+-]?\d+)?)/y
const QUOTED = /"((?:[^"\\\n]|\\[\s\S])*)"|'((?:[^'\\\n]|\\[\s\S])*)'/y
const ESCAPE = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})|([\s\S]))/g
const ESCAPED: Record<string, string> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\n': '' }
const CONSTANTS = new Map([
  ['True', true],
  ['False', false],
  // as JSON has them: whoever writes a configuration file writes them here too
  ['true', true],
  ['false', false],
  ['None', null],
])
const DEEPEST = 50 // no configuration is nested more deeply

/** Reads one Python literal; every method returns undefined if the text is not one. */
class LiteralReader {
  private offset = 0
  private readonly text: string

  constructor(text: string) {
    this.text = text
  }

  /** The literal that spans the whole text; `1, 2` is a tuple without brackets. */
  whole(): Json | undefined {
    const first = this.value(0)
    if (first === undefined) return undefined
    const items = [first]
    let comma = this.sign(',')
    const isTuple = comma
    while (comma && !this.atEnd()) {
      const item = this.value(0)
      if (item === undefined) return undefined
      items.push(item)
      comma = this.sign(',')
    }
    if (!this.atEnd()) return undefined
    return isTuple ? items : first
  }

  private value(depth: number): Json | undefined {
    if (depth > DEEPEST) return undefined
    this.match(/\s*/y)
    const next = this.text[this.offset]
    if (next === '[' || next === '(') return this.list(depth, next)
    if (next === '{') return this.dictionary(depth)
    if (next === '"' || next === "'") return this.quoted()
    const word = this.match(/[A-Za-z_]\w*/y)
    return word ? CONSTANTS.get(word[0]) : this.number()
  }

  private atEnd(): boolean {
    this.match(/\s*/y)
    return this.offset === this.text.length
  }

  private match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.offset
    const match = pattern.exec(this.text)
    if (match) this.offset = pattern.lastIndex
    return match
  }

  private sign(sign: string): boolean {
    this.match(/\s*/y)
    if (this.text[this.offset] !== sign) return false
    this.offset++
    return true
  }

  /** A list or a tuple; `(x)` without a comma is x, as in Python. */
  private list(depth: number, opener: '[' | '('): Json | undefined {
    const closer = opener === '[' ? ']' : ')'
    const items: Json[] = []
    let comma = false
    this.sign(opener)
    while (!this.sign(closer)) {
      if (items.length > 0 && !comma) return undefined
      const item = this.value(depth + 1)
      if (item === undefined) return undefined
      items.push(item)
      comma = this.sign(',')
    }
    return opener === '(' && items.length === 1 && !comma ? items[0]! : items
  }

  private dictionary(depth: number): Json | undefined {
    const entries: [string, Json][] = []
    let comma = true
    this.sign('{')
    while (!this.sign('}')) {
      const key = comma ? this.value(depth + 1) : undefined
      if (typeof key !== 'string' || !this.sign(':')) return undefined
      const value = this.value(depth + 1)
      if (value === undefined) return undefined
      entries.push([key, value])
      comma = this.sign(',')
    }
    return Object.fromEntries(entries)
  }

  private quoted(): string | undefined {
    const match = this.match(QUOTED)
    const raw = match?.[1] ?? match?.[2]
    if (raw === undefined) return undefined
    let isWhole = true // false for an incomplete escape, which Python refuses, and for \N, whose character names are unknown here
    const text = raw.replace(ESCAPE, (escaped, x, u, wide, octal, sign) => {
      const hexadecimal = x ?? u ?? wide
      const code = hexadecimal === undefined ? Number.parseInt(octal, 8) : Number.parseInt(hexadecimal, 16)
      if (sign === undefined && code <= 0x10ffff) return String.fromCodePoint(code)
      if (sign === undefined || 'xuUN'.includes(sign)) isWhole = false
      return ESCAPED[sign] ?? (`\\'"`.includes(sign) ? sign : escaped)
    })
    return isWhole ? text : undefined
  }

  private number(): number | undefined {
    const digits = this.match(NUMBER)?.[0].replaceAll(/[_\s]/g, '') ?? ''
    const unsigned = digits.replace(/^[+-]/, '')
    // Python has no integers with leading zeros; 007 is text.
    if (unsigned === '' || unsigned === '.' || (/^0\d+$/.test(unsigned) && Number(unsigned) !== 0)) return undefined
    const value = Number(unsigned)
    return Number.isFinite(value) ? (digits.startsWith('-') ? -value : value) : undefined
  }
}

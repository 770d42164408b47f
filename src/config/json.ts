import { readFileSync } from 'node:fs'
import { InputError } from '../util/error.ts'

/** A value that JSON can hold. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type JsonObject = { [key: string]: Json }

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** JSON with sorted keys and an indent of 2, as Sacred writes it. */
export function sortedJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_, part: unknown) =>
      isJsonObject(part)
        ? Object.fromEntries(
            Object.keys(part)
              .sort()
              .map(key => [key, part[key]]),
          )
        : part,
    2,
  )
}

/** Reads a JSON file. Throws InputError naming the file and what is wrong with it, with line and column for bad syntax. */
export function readJsonFile(path: string): Json {
  let text: string
  try {
    text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reason = code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'is a folder' : message
    throw new InputError(`${path}: ${reason}, expected a JSON file`)
  }
  try {
    return JSON.parse(text) as Json
  } catch {
    throw new InputError(`${path}${describeSyntaxError(text)}`)
  }
}

/** `:LINE:COLUMN: found X, expected …` for the first place where `text` is not JSON. */
function describeSyntaxError(text: string): string {
  const { offset, expected } = syntaxErrorOf(text)
  const before = text.slice(0, offset).split('\n')
  const found = /^"[^"\n]{0,20}"?|^[\w.+-]{1,20}|^./u.exec(text.slice(offset))?.[0]
  return `:${before.length}:${before.at(-1)!.length + 1}: found ${found ?? 'the end'}, expected ${expected}`
}

const SPACE = /[ \t\r\n]*/y
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these inside a string
const TEXT = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const SCALAR = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.])/y

/** Walks the JSON grammar (RFC 8259) up to the first thing that does not fit. JSON.parse of Node 20 does not always say where. */
function syntaxErrorOf(text: string): { offset: number; expected: string } {
  const closers: string[] = []
  let offset = 0
  const match = (pattern: RegExp): boolean => {
    pattern.lastIndex = offset
    const found = pattern.test(text)
    if (found) offset = pattern.lastIndex
    return found
  }
  const punctuation = (sign: string): boolean => {
    match(SPACE)
    if (text[offset] !== sign) return false
    offset++
    return true
  }
  let first = false // just after an opening bracket, where the closing one may follow
  for (;;) {
    const closer = closers.at(-1)
    if (first && punctuation(closer!)) {
      closers.pop()
      first = false
    } else {
      match(SPACE)
      if (closer === '}') {
        if (!match(TEXT)) return { offset, expected: `a key in double quotes${first ? " or '}'" : ''}` }
        if (!punctuation(':')) return { offset, expected: "':'" }
      }
      if (punctuation('{') || punctuation('[')) {
        closers.push(text[offset - 1] === '{' ? '}' : ']')
        first = true
        continue
      }
      first = false
      if (!match(TEXT) && !match(SCALAR)) return { offset, expected: 'a JSON value' }
    }
    while (closers.length > 0 && punctuation(closers.at(-1)!)) closers.pop()
    if (closers.length === 0) {
      match(SPACE)
      return { offset, expected: 'the end of the file' }
    }
    if (!punctuation(',')) return { offset, expected: `',' or '${closers.at(-1)}'` }
  }
}

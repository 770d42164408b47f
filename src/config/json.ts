import { InputError } from '../util/error.ts'
import { readText } from '../util/whole_file.ts'
import { firstSyntaxError } from './json_syntax.ts'

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

/** Reads a JSON file. Throws InputError that names the file and the problem, with line and column for a syntax error. */
export function readJsonFile(path: string): Json {
  const text = readText(path, 'a JSON file')
  try {
    return JSON.parse(text) as Json
  } catch {
    throw new InputError(`${path}${describeSyntaxError(text)}`)
  }
}

/** `:LINE:COLUMN: found X, expected …` for the first position at which `text` is not JSON. */
function describeSyntaxError(text: string): string {
  const { offset, expected } = firstSyntaxError(text)
  const before = text.slice(0, offset).split('\n')
  const found = /^"[^"\n]{0,20}"?|^[\w.+-]{1,20}|^./u.exec(text.slice(offset))?.[0]
  return `:${before.length}:${before.at(-1)!.length + 1}: found ${found ?? 'the end'}, expected ${expected}`
}

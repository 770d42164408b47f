import { jsonValue } from '../util/json.ts'
import { readText } from '../util/whole_file.ts'

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
  return jsonValue(readText(path, 'a JSON file'), path) as Json
}

import { isJsonObject, type JsonObject } from '../../config/json.ts'
import { InputError } from '../../util/error.ts'
import { jsonValue } from '../../util/json.ts'
import { readText } from '../../util/whole_file.ts'

/** A file of a record. Python writes NaN and Infinity, which JSON does not know: they become null. Throws InputError: unreadable, no object. */
export function readRecordJson(path: string): JsonObject {
  const text = readText(path, 'a JSON file')
  const value = parsed(text) ?? parsed(withoutNaN(text)) ?? jsonValue(text, path)
  if (!isJsonObject(value)) throw new InputError(`${path}: expected a JSON object`)
  return value
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function withoutNaN(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, word => (word.startsWith('"') ? word : 'null'))
}

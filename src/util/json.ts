import type { z } from 'zod'
import { InputError } from './error.ts'
import { DEEPEST, firstSyntaxError, isTooDeep } from './json_syntax.ts'

/** The value of JSON text, with or without a byte order mark. Throws InputError with `path`, line and column. */
export function jsonValue(text: string, path: string): unknown {
  const plain = text.replace(/^\uFEFF/, '')
  if (isTooDeep(plain)) throw new InputError(`${path}: its JSON is nested deeper than ${DEEPEST} levels`)
  try {
    return JSON.parse(plain)
  } catch {
    throw new InputError(`${path}${describeSyntaxError(plain)}`)
  }
}

/** Throws InputError for the key `__proto__`, which schemas would drop in silence. */
export function refuseProtoKey(value: unknown, path: string): void {
  if (typeof value !== 'object' || value === null) return
  if (Object.hasOwn(value, '__proto__')) throw new InputError(`${path}: has the key "__proto__", expected another name`)
  for (const part of Object.values(value)) refuseProtoKey(part, path)
}

/** `:LINE:COLUMN: found X, expected …` for the first position at which `text` is not JSON. */
function describeSyntaxError(text: string): string {
  const { offset, expected } = firstSyntaxError(text)
  const before = text.slice(0, offset).split('\n')
  const found = /^"[^"\n]{0,20}"?|^[\w.+-]{1,20}|^./u.exec(text.slice(offset))?.[0]
  return `:${before.length}:${before.at(-1)!.length + 1}: found ${found ?? 'the end'}, expected ${expected}`
}

/** Parses JSON and checks it against a schema. Throws InputError like `jsonValue`, or with the first invalid entry. */
export function parseJson<T>(text: string, path: string, schema: z.ZodType<T>): T {
  const value = jsonValue(text, path)
  refuseProtoKey(value, path)
  return validated(value, schema, path)
}

/** The value in the form of a schema. Throws InputError with `source` and the first invalid entry; `under` is the key that holds the value. */
export function validated<T>(value: unknown, schema: z.ZodType<T>, source: string, under?: string): T {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  const entry = [...(under === undefined ? [] : [under]), ...issue.path].join('.')
  throw new InputError(`${source}: ${entry || 'the whole file'}: ${issue.message}`)
}

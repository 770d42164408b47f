import type { z } from 'zod'
import { InputError } from './error.ts'

/** Parses JSON and checks it against a schema. Throws InputError with `path`, and with the first invalid entry. */
export function parseJson<T>(text: string, path: string, schema: z.ZodType<T>): T {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new InputError(`${path}: is not JSON`)
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  throw new InputError(`${path}: ${issue.path.join('.') || 'the whole file'}: ${issue.message}`)
}

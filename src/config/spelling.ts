import { isJsonObject, type Json } from './json.ts'

/** A value as one types it after `with`: a Python literal that parses to the same value. */
export function pythonLiteral(value: Json): string {
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'string') return quoted(value)
  if (Array.isArray(value)) return `[${value.map(pythonLiteral).join(', ')}]`
  if (!isJsonObject(value)) return numeral(value)
  const entries = Object.entries(value).map(([key, inner]) => `${quoted(key)}: ${pythonLiteral(inner)}`)
  return `{${entries.join(', ')}}`
}

/** Small numbers such as learning rates are easier to read with an exponent. */
function numeral(value: number): string {
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential() : String(value)
}

function quoted(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"')
  return `'${escaped.replaceAll("'", "\\'")}'`
}

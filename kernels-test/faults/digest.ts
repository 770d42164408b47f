import { createHash } from 'node:crypto'

export function digestOf(pieces: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const piece of pieces) hash.update(piece)
  return hash.digest('hex').slice(0, 16)
}

/** Of a value's JSON, in which maps and typed arrays have their content. */
export function digestOfValue(value: unknown): string {
  return digestOf([Buffer.from(JSON.stringify(value, contentOf) ?? '')])
}

function contentOf(_: string, value: unknown): unknown {
  if (value instanceof Map) return [...value]
  if (typeof value === 'bigint') return String(value)
  return ArrayBuffer.isView(value)
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')
    : value
}

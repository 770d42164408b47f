/** A message, or one of its fields (key and value), as pieces of bytes. Large values are never copied. */
export type Pieces = readonly Uint8Array[]

const VARINT = 0
const EIGHT_BYTES = 1
const LENGTH_DELIMITED = 2
const FOUR_BYTES = 5

/** A message with these fields, in this order. */
export function message(...fields: readonly Pieces[]): Pieces {
  return fields.flat()
}

/** int32, int64, bool or enum; an integer from 0 to 2^53 − 1. */
export function integer(number: number, value: number): Pieces {
  return [Buffer.from([...varint((number << 3) | VARINT), ...varint(value)])]
}

export function double(number: number, value: number): Pieces {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return [key(number, EIGHT_BYTES), bytes]
}

export function float(number: number, value: number): Pieces {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return [key(number, FOUR_BYTES), bytes]
}

/** A string (UTF-8), bytes, or a message. */
export function block(number: number, value: string | Uint8Array | Pieces): Pieces {
  const pieces = typeof value === 'string' ? [Buffer.from(value)] : value instanceof Uint8Array ? [value] : value
  return [key(number, LENGTH_DELIMITED), Buffer.from(varint(lengthOf(pieces))), ...pieces]
}

/** Length in bytes. */
export function lengthOf(pieces: Pieces): number {
  return pieces.reduce((sum, { length }) => sum + length, 0)
}

function key(number: number, wireType: number): Buffer {
  return Buffer.from(varint((number << 3) | wireType))
}

/** Seven bits per byte, lowest first; all bytes but the last have bit 7 set. */
function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return [...bytes, rest]
}

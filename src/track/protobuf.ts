/** A field of a protocol buffer message as it is written: key and value. */
export type Field = Buffer

const VARINT = 0
const EIGHT_BYTES = 1
const LENGTH_DELIMITED = 2
const FOUR_BYTES = 5

/** A message of these fields, in their order. */
export function message(...fields: readonly Field[]): Buffer {
  return Buffer.concat(fields)
}

/** int32, int64, bool or enum; whole, at least 0 and at most 2^53 − 1. */
export function integer(number: number, value: number): Field {
  return Buffer.from([...varint((number << 3) | VARINT), ...varint(value)])
}

export function double(number: number, value: number): Field {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return Buffer.concat([key(number, EIGHT_BYTES), bytes])
}

export function float(number: number, value: number): Field {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return Buffer.concat([key(number, FOUR_BYTES), bytes])
}

/** A string (UTF-8), bytes, or a message. */
export function block(number: number, value: string | Uint8Array): Field {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return Buffer.concat([key(number, LENGTH_DELIMITED), Buffer.from(varint(bytes.length)), bytes])
}

function key(number: number, wireType: number): Buffer {
  return Buffer.from(varint((number << 3) | wireType))
}

/** Seven bits a byte, the lowest first; all bytes but the last have the eighth set. */
function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return [...bytes, rest]
}

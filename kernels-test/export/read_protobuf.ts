/** The fields of a protocol buffer message by their numbers, each in the order of the file: whole numbers, or the bytes of the rest. */
export type Fields = Map<number, (number | Buffer)[]>

/** Throws where the bytes are no message. */
export function readMessage(bytes: Buffer): Fields {
  const fields: Fields = new Map()
  let at = 0
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new Error(`a field ends at ${at + length}, the message at ${bytes.length}`)
    at += length
    return bytes.subarray(at - length, at)
  }
  const varint = (): number => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = take(1)[0]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }
  while (at < bytes.length) {
    const key = varint()
    const wireType = key & 7
    const read: Readonly<Record<number, () => number | Buffer>> = {
      0: varint,
      1: () => take(8),
      2: () => take(varint()),
      5: () => take(4),
    }
    const value = read[wireType]
    if (!value) throw new Error(`wire type ${wireType}`)
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), value()])
  }
  return fields
}

export function messagesIn(fields: Fields, number: number): Fields[] {
  return (fields.get(number) ?? []).map(value => readMessage(value as Buffer))
}

export function textsIn(fields: Fields, number: number): string[] {
  return (fields.get(number) ?? []).map(value => (value as Buffer).toString())
}

export function numbersIn(fields: Fields, number: number): number[] {
  return (fields.get(number) ?? []) as number[]
}

export function textIn(fields: Fields, number: number): string {
  return textsIn(fields, number)[0]!
}

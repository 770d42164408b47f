export type Fail = (what: string) => never

/** Reads the arguments of a pickle's operations in sequence. Fails if the pickle ends too early. */
export class PickleCursor {
  private readonly bytes: Uint8Array
  private readonly view: DataView
  private readonly fail: Fail
  private offset = 0

  constructor(bytes: Uint8Array, fail: Fail) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.fail = fail
  }

  /** bytes read so far */
  get position(): number {
    return this.offset
  }

  take(count: number): number {
    const start = this.offset
    if (start + count > this.bytes.length) this.fail('the pickle is truncated')
    this.offset = start + count
    return start
  }

  byte(): number {
    return this.bytes[this.take(1)]!
  }

  text(length: number): string {
    const start = this.take(length)
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
        this.bytes.subarray(start, start + length),
      )
    } catch {
      return this.fail('found a string that is not UTF-8')
    }
  }

  /** Two's complement, lowest byte first. */
  long(length: number): number | bigint {
    const start = this.take(length)
    let value = 0n
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[start + i]!)
    const signed = BigInt.asIntN(8 * length, value)
    const number = Number(signed)
    return Number.isSafeInteger(number) ? number : signed
  }

  line(): string {
    const end = this.bytes.indexOf(0x0a, this.offset)
    if (end < 0) this.fail('the pickle is truncated')
    const line = this.bytes.subarray(this.offset, end)
    this.offset = end + 1
    return new TextDecoder().decode(line)
  }

  uint16(): number {
    return this.view.getUint16(this.take(2), true)
  }

  int32(): number {
    return this.view.getInt32(this.take(4), true)
  }

  uint32(): number {
    return this.view.getUint32(this.take(4), true)
  }

  float64(): number {
    return this.view.getFloat64(this.take(8), false)
  }
}

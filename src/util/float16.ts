/** IEEE 754 binary16 as f32: every value exactly. */
export function fromFloat16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(bits, word => {
    const sign = word & 0x8000 ? -1 : 1
    const exponent = (word >> 10) & 31
    const fraction = word & 1023
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
  })
}

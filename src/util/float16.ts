/** Converts IEEE 754 binary16 to f32, exactly. */
export function fromFloat16(bits: Uint16Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(bits, word => {
    const sign = word & 0x8000 ? -1 : 1
    const exponent = (word >> 10) & 31
    const fraction = word & 1023
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
  })
}

/** Converts values to IEEE 754 binary16, rounding to nearest, ties to even. An odd count gets one word of padding, because GPU copies need multiples of 4 bytes. */
export function toFloat16(values: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  const bits = new Uint16Array(Math.ceil(values.length / 2) * 2)
  for (let i = 0; i < values.length; i++) bits[i] = float16Bits(values[i]!)
  return bits
}

function float16Bits(value: number): number {
  if (Number.isNaN(value)) return 0x7e00
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const magnitude = Math.abs(value)
  if (magnitude >= 65520) return sign | 0x7c00
  // The unit in the last place is 2^(exponent − 10). Subnormals (below 2^-14) have the unit of the smallest normal number.
  const exponent = Math.max(exponentOf(magnitude), -14)
  const units = roundedToEven(magnitude * 2 ** (10 - exponent))
  return sign | (units < 1024 ? units : ((exponent + 14) << 10) + units)
}

/** The largest e with 2^e ≤ magnitude. */
function exponentOf(magnitude: number): number {
  if (magnitude < 2 ** -14) return -15
  const guess = Math.floor(Math.log2(magnitude))
  return 2 ** guess > magnitude ? guess - 1 : 2 ** (guess + 1) <= magnitude ? guess + 1 : guess
}

function roundedToEven(value: number): number {
  const below = Math.floor(value)
  const rest = value - below
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below
}

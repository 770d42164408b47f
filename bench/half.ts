import { toFloat16 } from '../kernels-test/numbers.ts'

/** Numbers as f16 in memory, two to a word, the even ones low; magnitudes below 65504, each rounded to the nearest. */
export function packHalves(values: Float32Array): Uint32Array {
  const halves = new Uint16Array(2 * Math.ceil(values.length / 2))
  values.forEach((value, i) => {
    halves[i] = bitsOf(toFloat16(value))
  })
  return new Uint32Array(halves.buffer)
}

/** IEEE 754 binary16 of a number that it holds exactly. */
function bitsOf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const magnitude = Math.abs(value)
  if (magnitude < 2 ** -14) return sign | Math.round(magnitude * 2 ** 24)
  const exponent = Math.floor(Math.log2(magnitude))
  return sign | ((exponent + 15) << 10) | Math.round((magnitude / 2 ** exponent - 1) * 1024)
}

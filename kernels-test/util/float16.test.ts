import { expect, test } from 'vitest'
import { fromFloat16, toFloat16 } from '../../src/util/float16.ts'

test('every f16 comes back from f32 as it was', () => {
  const bits = Uint16Array.from({ length: 2 ** 16 }, (_, i) => i)
  const isNaNBits = (word: number): boolean => (word & 0x7fff) > 0x7c00
  const back = toFloat16(fromFloat16(bits))
  expect(bits.filter((word, i) => !isNaNBits(word) && back[i] !== word)).toEqual(new Uint16Array())
  expect(bits.filter((word, i) => isNaNBits(word) && back[i] !== 0x7e00)).toEqual(new Uint16Array())
})

test.each([
  ['a tie to even', 1 + 2 ** -11, 1],
  ['a tie to even, upward', 1 + 3 * 2 ** -11, 1 + 2 ** -9],
  ['above a tie', 1 + 2 ** -11 + 2 ** -20, 1 + 2 ** -10],
  ['the largest', 65519, 65504],
  ['above the largest', 65520, Number.POSITIVE_INFINITY],
  ['half of the smallest', 2 ** -25, 0],
  ['above half of the smallest', 1.01 * 2 ** -25, 2 ** -24],
  ['up into the normal numbers', 2 ** -14 - 2 ** -26, 2 ** -14],
])('rounding: %s', (_, value, expected) => {
  expect([...fromFloat16(toFloat16([value]))]).toEqual([expected, 0])
  expect([...fromFloat16(toFloat16([-value, 1]))]).toEqual([-expected, 1])
})

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import * as random from '../../src/util/random.ts'

const PI_WORDS = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344] as const
const ONES = 0xffffffff

test.each([
  // The known answers of the Random123 distribution (kat_vectors, philox 4 32 10): counter, key, words.
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [ONES, ONES, ONES, ONES],
    [ONES, ONES],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [PI_WORDS, [0xa4093822, 0x299f31d0], [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]],
] as const)('philox %j under %j', (counter, key, words) => {
  expect(random.philox(counter, key)).toEqual(words)
})

test('uniform01 stays inside [0, 1) and keeps 24 bits', () => {
  expect(random.uniform01(0)).toBe(0)
  expect(random.uniform01(0xff)).toBe(0)
  expect(random.uniform01(0x100)).toBe(2 ** -24)
  expect(random.uniform01(ONES)).toBe(1 - 2 ** -24)
  expect(Math.fround(random.uniform01(ONES))).toBe(random.uniform01(ONES))
})

test('normal2 is finite for every word and has the moments of N(0, 1)', () => {
  for (const bits of [0, 0xff, 0x100, 0x80000000, ONES])
    for (const angle of [0, ONES]) expect(random.normal2(bits, angle).every(Number.isFinite)).toBe(true)
  const stream = new random.RandomStream({ seed: 42, operation: random.OP_NOISE })
  const count = 20_000
  const drawn = Array.from({ length: count }, () => stream.normal())
  const moment = (power: number) => drawn.reduce((sum, x) => sum + x ** power, 0) / count
  // four standard errors of each moment: √(1, 2, 15, 96) / √count
  expect(Math.abs(moment(1))).toBeLessThan(4 * Math.sqrt(1 / count))
  expect(Math.abs(moment(2) - 1)).toBeLessThan(4 * Math.sqrt(2 / count))
  expect(Math.abs(moment(3))).toBeLessThan(4 * Math.sqrt(15 / count))
  expect(Math.abs(moment(4) - 3)).toBeLessThan(4 * Math.sqrt(96 / count))
})

test('a stream reads the blocks of its address in order', () => {
  const stream = new random.RandomStream({ seed: 7, operation: random.OP_SHUFFLE, epoch: 3, sample: 5 })
  const blocks = [0, 1].flatMap(block => random.philox([block, random.OP_SHUFFLE, 5, 3], [7, 0]))
  expect(Array.from({ length: 8 }, () => stream.bits())).toEqual(blocks)
})

test('integer is whole, inside its range and reaches every value', () => {
  const stream = new random.RandomStream({ seed: 1, operation: random.OP_SHUFFLE })
  const drawn = new Set(Array.from({ length: 300 }, () => stream.integer(7)))
  expect([...drawn].sort()).toEqual([0, 1, 2, 3, 4, 5, 6])
})

test('the shader library numbers the operations alike', () => {
  const text = readFileSync(new URL('../../shaders/lib/random.wgsl', import.meta.url), 'utf8')
  const shader = [...text.matchAll(/^const (OP_\w+): u32 = (\d+)u;$/gm)].map(([, name, value]) => [name, Number(value)])
  const host = Object.entries(random).filter(([name]) => name.startsWith('OP_'))
  expect(host.length).toBeGreaterThan(0)
  expect(Object.fromEntries(shader)).toEqual(Object.fromEntries(host))
  expect(new Set(host.map(([, value]) => value)).size).toBe(host.length)
})

import { expect, test } from 'vitest'
import { addTree } from '../../src/distributed/tree.ts'

/** 2^24 + 1 is no float32, so each order of addition has a sum of its own. */
const large = 2 ** 24

function sumOf(...values: number[]): number {
  const arrays = values.map(value => Float32Array.of(value))
  addTree(arrays, false)
  return arrays[0]![0]!
}

test('the order of addition is a balanced binary tree', () => {
  expect(sumOf(large, 1)).toBe(large)
  expect(sumOf(large, 1, 1, 1)).toBe(large + 2) // (a + b) + (c + d)
  expect(sumOf(1, 1, large)).toBe(large + 2) // (a + b) + c
  expect(sumOf(1, 1, 1, 1, large)).toBe(large + 4)
  expect(sumOf(large, 1, 1, 1, 1, 1, 1)).toBe(large + 4) // ((a + b) + (c + d)) + ((e + f) + g) = (large + 2) + 3, a tie
})

test('a tree over trees of four is the tree over all, also where the last is not full', () => {
  const values = Array.from({ length: 11 }, (_, i) => Math.sin(i) * 10 ** (i % 4))
  for (let count = 1; count <= values.length; count++) {
    const all = values.slice(0, count)
    const groups = [all.slice(0, 4), all.slice(4, 8), all.slice(8)].filter(group => group.length > 0)
    expect(sumOf(...groups.map(group => sumOf(...group)))).toBe(sumOf(...all))
  }
})

test('subnormal inputs and sums become zeros of their sign where the adapter has them so', () => {
  const normal = 2 ** -126
  const a = Float32Array.of(2 ** -127, -(2 ** -127), 1.5 * normal, -1.5 * normal, 1)
  const b = Float32Array.of(2 ** -127, -(2 ** -127), -normal, normal, 2 ** -140)
  const kept = [a.slice(), b.slice()]
  addTree(kept, false)
  expect([...kept[0]!]).toEqual([normal, -normal, normal / 2, -normal / 2, 1])
  addTree([a, b], true)
  expect([...a]).toEqual([0, -0, 0, -0, 1])
})

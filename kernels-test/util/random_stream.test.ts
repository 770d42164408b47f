import { expect, test } from 'vitest'
import { RandomStream } from '../../src/util/random.ts'

test('uniform, normal and integer have their moments', () => {
  const count = 200_000
  const random = new RandomStream({ seed: 7, operation: 0 })
  const moments = (draw: () => number): [number, number] => {
    let [sum, squares] = [0, 0]
    for (let i = 0; i < count; i++) {
      const value = draw()
      sum += value
      squares += value * value
    }
    return [sum / count, squares / count - (sum / count) ** 2]
  }
  const uniform = moments(() => random.uniform())
  expect(uniform[0]).toBeCloseTo(1 / 2, 2)
  expect(uniform[1]).toBeCloseTo(1 / 12, 2)
  const normal = moments(() => random.normal(3, 2))
  expect(Math.abs(normal[0] - 3)).toBeLessThan(0.03)
  expect(Math.abs(normal[1] - 4)).toBeLessThan(0.06)
  const counts = [0, 0, 0, 0, 0, 0]
  for (let i = 0; i < count; i++) counts[random.integer(6)]!++
  for (const seen of counts) expect(Math.abs(seen / count - 1 / 6)).toBeLessThan(0.005)
})

test('a shuffle is a permutation, every place equally likely', () => {
  const places = Array.from({ length: 4 }, () => [0, 0, 0, 0])
  for (let seed = 0; seed < 8000; seed++) {
    const order = new RandomStream({ seed, operation: 0 }).shuffle([0, 1, 2, 3])
    expect([...order].sort()).toEqual([0, 1, 2, 3])
    for (const [place, item] of order.entries()) places[place]![item]!++
  }
  for (const counts of places) for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200)
})

import { expect, test } from 'vitest'
import { Windows } from '../../src/optim/windows.ts'

test.each([
  [1, 1, [1]],
  [5, 1, [1, 1, 1, 1, 1]],
  [6, 2, [2, 2, 2]],
  [5, 2, [2, 2, 1]],
  [7, 4, [4, 3]],
  [3, 8, [3]],
])('%i batches in windows of %i', (batches, size, lengths) => {
  const windows = new Windows(batches, size)
  expect(windows.perEpoch).toBe(lengths.length)
  expect(windows.longest).toBe(Math.max(...lengths))
  const epoch = 3
  let batch = 0
  for (const [i, window] of [...windows.from(0)].entries()) {
    const update = epoch * lengths.length + i
    const to = batch + lengths[i]!
    expect(window).toEqual({ from: batch, to, share: 1 / lengths[i]! })
    expect(windows.updatesUntil({ epoch, batch })).toBe(update)
    for (; batch < to; batch++) expect(windows.updateOf({ epoch, batch })).toBe(update)
  }
  expect(batch).toBe(batches)
  expect(windows.updatesUntil({ epoch, batch })).toBe((epoch + 1) * lengths.length)
  const last = [...windows.from(batches - lengths.at(-1)!)]
  expect(last).toEqual([...windows.from(0)].slice(-1))
  expect([...windows.from(batches)]).toEqual([])
})

test.each([
  [
    8,
    2,
    2,
    [
      [
        [0, 2],
        [2, 4],
      ],
      [
        [4, 6],
        [6, 8],
      ],
    ],
  ],
  [
    7,
    2,
    2,
    [
      [
        [0, 2],
        [2, 4],
      ],
      [
        [4, 6],
        [6, 7],
      ],
    ],
  ],
  [
    5,
    2,
    2,
    [
      [
        [0, 2],
        [2, 4],
      ],
      [
        [4, 5],
        [5, 5],
      ],
    ],
  ],
  [
    3,
    1,
    4,
    [
      [
        [0, 1],
        [1, 2],
        [2, 3],
        [3, 3],
      ],
    ],
  ],
])('%i batches in windows of %i for each of %i ranks', (batches, size, ranks, runs) => {
  const windows = new Windows(batches, size, ranks)
  const found = [...windows.from(0)]
  expect(found.map(({ share, from, to }) => share * (to - from))).toEqual(found.map(() => 1))
  const dealt = found.map(window =>
    Array.from({ length: ranks }, (_, rank) => {
      const { from, to } = windows.dealt(window, rank)
      for (let batch = from; batch < to; batch++) expect(windows.rankOf(batch)).toBe(rank)
      return [from, to]
    }),
  )
  expect(dealt).toEqual(runs)
})

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
  for (const [window, length] of lengths.entries()) {
    const update = epoch * lengths.length + window
    expect(windows.updatesUntil({ epoch, batch })).toBe(update)
    for (let i = 0; i < length; i++, batch++) {
      expect(windows.updateOf({ epoch, batch })).toBe(update)
      expect([windows.isFirst(batch), windows.isLast(batch)]).toEqual([i === 0, i === length - 1])
      expect(windows.shareOf(batch)).toBe(1 / length)
    }
  }
  expect(windows.updatesUntil({ epoch, batch })).toBe((epoch + 1) * lengths.length)
})

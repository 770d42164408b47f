import { expect, test } from 'vitest'
import { defaultConfig } from '../../src/config/schema.ts'
import { TERMS, type Terms } from '../../src/run/batch_result.ts'
import { rankBatchSize } from '../../src/train/ranks/batch.ts'
import { packResults, unpackResults } from '../../src/train/ranks/results.ts'

const { training } = defaultConfig()
const shareOf = (batch_size: number, ranks: number) => rankBatchSize({ training: { ...training, batch_size } }, ranks)

test('ranks share a batch equally, or the nearest sizes are named', () => {
  expect([shareOf(3, 1), shareOf(8, 2), shareOf(8, 8)]).toEqual([3, 4, 1])
  expect(() => shareOf(10, 4)).toThrow('training.batch_size is 10: 4 ranks cannot share it equally, expected 8 or 12')
  expect(() => shareOf(2, 4)).toThrow('training.batch_size is 2: 4 ranks cannot share it equally, expected 4')
})

const result = (first: number) => ({
  terms: Object.fromEntries(TERMS.map((name, i) => [name, Math.fround(first + i / 3)])) as Terms,
  pairs: Float32Array.of(first, 2 ** -149, -0),
  presenceProbability: Float32Array.of(Number.POSITIVE_INFINITY),
  presence: Float32Array.of(-1),
})

test('results arrive at other ranks bit for bit', () => {
  const results = [result(1), result(2)]
  expect(unpackResults(packResults({ results, stop: 'TIMEOUT' }))).toEqual({ results, stop: 'TIMEOUT' })
  const withStatistics = results.map(each => ({ ...each, statistics: Float32Array.of(1.5, Number.NaN) }))
  const unasked = { results: withStatistics, stop: undefined }
  expect(unpackResults(packResults(unasked))).toEqual(unasked)
  expect(unpackResults(packResults({ results: [], stop: undefined }))).toEqual({ results: [], stop: undefined })
})

import { expect, test } from 'vitest'
import { applyIntensity, CT_WINDOWS, percentilesOf } from '../../../src/data/scan/intensity.ts'

const scan = Float32Array.from({ length: 1001 }, (_, v) => (v * 7919) % 1001) // 0 to 1000 in some order

test('every rule ends in an affine map to 0..255 that clips', () => {
  const rules = [
    [{ kind: 'window', low: 100, high: 600 }, 100, 600],
    [{ kind: 'percentile', low: 10, high: 95 }, 100, 950],
    // the numbers 0 to n have the variance n(n + 2) / 12
    [{ kind: 'zscore', deviations: 1 }, 500 - Math.sqrt(1002000 / 12), 500 + Math.sqrt(1002000 / 12)],
  ] as const
  for (const [rule, low, high] of rules) {
    const { values, scale } = applyIntensity(scan, rule, 'scan')
    expect([scale.low, scale.high]).toEqual([expect.closeTo(low, 6), expect.closeTo(high, 6)])
    for (const v of [0, 1, 17, 500, 1000]) {
      const expected = Math.min(Math.max(((scan[v]! - low) * 255) / (high - low), 0), 255)
      expect(values[v]).toBeCloseTo(expected, 3)
    }
  }
  expect(Object.values(CT_WINDOWS).every(({ low, high }) => low < high)).toBe(true)
})

test('percentiles are those of the sorted values, linearly interpolated', () => {
  const skewed = Float64Array.from(scan, value => value ** 5 - 3e9)
  for (const values of [scan, skewed, Float64Array.of(3, 1), Float64Array.of(-2)]) {
    const sorted = values.slice().sort()
    for (const percentile of [0, 0.5, 33.3, 50, 99.5, 100]) {
      const place = (percentile / 100) * (sorted.length - 1)
      const [below, above] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!]
      const expected = below + (above - below) * (place - Math.floor(place))
      expect(percentilesOf(values, [percentile])[0]! / expected || 1).toBeCloseTo(1, 12)
    }
  }
  expect(percentilesOf(new Float32Array(0), [50])).toEqual([Number.NaN])
})

test('what says nothing is refused, naming the file', () => {
  const window = { kind: 'window', low: 2000, high: 3000 } as const
  expect(() => applyIntensity(scan, window, 'a.nii')).toThrow(
    /a\.nii: its voxels, 0 to 1000, lie outside the window from/,
  )
  expect(() => applyIntensity(new Float32Array(9).fill(7), window, 'a.nii')).toThrow(/a\.nii: every voxel is 7/)
  expect(() => applyIntensity(Float32Array.of(1, Number.NaN), window, 'a.nii')).toThrow(/not finite numbers/)
  // a few bright voxels on a constant ground: the percentiles meet
  const spark = new Float32Array(1001)
  spark[5] = 9
  expect(applyIntensity(spark, { kind: 'percentile', low: 1, high: 99 }, 'a').scale).toEqual({ low: 0, high: 9 })
})

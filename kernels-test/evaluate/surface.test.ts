import { describe, expect, test } from 'vitest'
import { type BoxSize, DistanceTransform, type Spacing } from '../../src/evaluate/distance_transform.ts'
import { SurfaceMeter } from '../../src/evaluate/surface_distance.ts'
import { SurfaceThreads } from '../../src/evaluate/surface_threads.ts'
import { randomOf } from '../numbers.ts'
import { bitsOf, maskCases } from './mask_cases.ts'

function randomMask(name: string, length: number, share: number): Uint8Array {
  const random = randomOf(name)
  return Uint8Array.from({ length }, () => Number(random.uniform(0, 1) < share))
}

function placeOf(v: number, [, width, depth]: BoxSize): BoxSize {
  return [Math.floor(v / (width * depth)), Math.floor(v / depth) % width, v % depth]
}

/** By comparing every voxel with every set one. */
function naiveSquared(set: Uint8Array, size: BoxSize, spacing: Spacing, v: number): number {
  const at = placeOf(v, size)
  return set.reduce((least, value, other) => {
    if (!value) return least
    const to = placeOf(other, size)
    return Math.min(
      least,
      at.reduce((sum, x, axis) => sum + ((x - to[axis]!) * spacing[axis]!) ** 2, 0),
    )
  }, Number.POSITIVE_INFINITY)
}

describe('distance transform', () => {
  const transform = new DistanceTransform()
  test.each<[BoxSize, Spacing, number]>([
    [[9, 8, 7], [1, 1, 1], 0.02],
    [[9, 8, 7], [0.31, 1.7, 2.9], 0.02],
    [[9, 8, 7], [5, 0.1, 1], 0.3],
    [[1, 1, 40], [1, 1, 0.5], 0.1],
    [[40, 1, 1], [0.5, 1, 1], 0.1],
    [[3, 40, 2], [2, 0.7, 9], 0.01],
    [[4, 5, 6], [1, 2, 3], 0],
  ])('of %j, spacing %j, %d set, is what comparing everything gives', (size, spacing, share) => {
    const voxels = size[0] * size[1] * size[2]
    for (let round = 0; round < 4; round++) {
      const set = randomMask(`set ${size} ${round}`, voxels, share)
      const wanted = randomMask(`wanted ${size} ${round}`, voxels, 0.5)
      const squared = new Float64Array(voxels).fill(Number.NaN)
      transform.run({ set, wanted, size, spacing }, squared)
      for (let v = 0; v < voxels; v++) {
        if (!wanted[v]) continue
        const expected = naiveSquared(set, size, spacing, v)
        if (expected === Number.POSITIVE_INFINITY) expect(squared[v]).toBe(expected)
        else expect(squared[v]).toBeCloseTo(expected, 9)
      }
    }
  })
})

describe('distances between surfaces', () => {
  const used = new SurfaceMeter()

  test.each(maskCases.map(each => [each.name, each] as const))(
    'of %s: the same both ways, and in memory that was used',
    (_, each) => {
      const [truth, predicted] = [bitsOf(each.truth), bitsOf(each.predicted)]
      const found = used.measure(truth, predicted, each.size, each.spacing)
      expect(found).toStrictEqual(new SurfaceMeter().measure(truth, predicted, each.size, each.spacing))
      const back = used.measure(predicted, truth, each.size, each.spacing)
      expect(back?.hd95).toBe(found?.hd95)
      if (found) expect(back!.mean).toBeCloseTo(found.mean, 12)
    },
  )

  test('scale with the spacing and not with the volume around', () => {
    const { size, spacing, truth, predicted } = maskCases.find(({ name }) => name === 'blobs, uneven')!
    const inches = spacing.map(axis => axis / 25.4) as unknown as Spacing
    const found = used.measure(bitsOf(truth), bitsOf(predicted), size, spacing)!
    expect(25.4 * used.measure(bitsOf(truth), bitsOf(predicted), size, inches)!.hd95).toBeCloseTo(found.hd95, 9)
    const larger: BoxSize = [size[0] + 3, size[1] + 5, size[2] + 32]
    const embedded = (mask: Uint8Array): Uint8Array => {
      const around = new Uint8Array(larger[0] * larger[1] * larger[2])
      for (let v = 0; v < mask.length; v++) {
        const [h, w, d] = placeOf(v, size)
        around[((h + 2) * larger[1] + w + 1) * larger[2] + d + 9] = mask[v]!
      }
      return around
    }
    expect(used.measure(bitsOf(embedded(truth)), bitsOf(embedded(predicted)), larger, spacing)).toStrictEqual(found)
  })

  test('are the same from threads, however many', async () => {
    const cases = maskCases.filter(({ size }) => size[2] === 32)
    const expected = cases.map(each =>
      used.measure(bitsOf(each.truth), bitsOf(each.predicted), each.size, each.spacing),
    )
    for (const count of [1, 3]) {
      const threads = new SurfaceThreads(count)
      try {
        const found = await Promise.all(
          cases.map(({ size, spacing, truth, predicted }) => {
            const doubled = (mask: Uint8Array) => bitsOf(Uint8Array.from([...mask, ...mask]))
            return threads.measure({
              truth: doubled(truth),
              predicted: doubled(predicted),
              size,
              spacing,
              structures: [1],
            })
          }),
        )
        expect(found.flat()).toStrictEqual(expected)
      } finally {
        await threads.close()
      }
    }
  })
})

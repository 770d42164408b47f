import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { loadConfig } from '../../../src/config/load.ts'
import { type Dataset, openDataset } from '../../../src/data/dataset/dataset.ts'
import { writeDatasetFiles } from '../../../src/data/dataset/dataset_writer.ts'
import { withGridPatches, withRandomPatches } from '../../../src/data/dataset/patches.ts'
import type { SplitName } from '../../../src/data/dataset/split.ts'
import type { StoredSample } from '../../../src/data/dataset/split_writer.ts'
import { Decoders } from '../../../src/data/loader/decoders.ts'
import { type Batch, Loader } from '../../../src/data/loader/loader.ts'
import { type PatchDraw, type StoredFrame, startOf } from '../../../src/data/loader/patch_place.ts'
import { cutPatch } from '../../../src/data/scan/patches.ts'
import { type ImageSize, sizeOf } from '../../../src/util/shape.ts'
import { temporaryDirectory } from '../small_dataset.ts'

const root = temporaryDirectory()
const PATCH: ImageSize = [16, 16, 16]
/** No axis is divisible by 16. */
const FRAME: ImageSize = [20, 36, 18]
const FRAMES = 3
const STRUCTURES = 3

type Place = [h: number, w: number, d: number]
const inBox = (place: Place, low: Place, end: Place): boolean =>
  place.every((at, axis) => at >= low[axis]! && at < end[axis]!)

function volume<T extends Float32Array | Uint8Array>(values: T, size: ImageSize, value: (at: Place) => number): T {
  const [, width, depth] = size
  for (let v = 0; v < sizeOf(size); v++)
    values[v] = value([Math.floor(v / (width * depth)), Math.floor(v / depth) % width, v % depth])
  return values
}

/** Intensity up to w = 10; a small box, a slab at w = 8 … 12, and a structure that nobody annotated. */
function frame(n: number): StoredFrame {
  const masks = new Uint8Array(STRUCTURES * sizeOf(FRAME))
  volume(masks, FRAME, at => Number(inBox(at, [2, 2, 2], [5, 5, 5])))
  volume(masks.subarray(sizeOf(FRAME)), FRAME, ([, w]) => Number(w >= 8 && w < 13))
  const image = volume(new Float32Array(sizeOf(FRAME)), FRAME, ([h, w, d]) =>
    w < 10 ? 1 + ((n * 31 + h * 7 + w * 3 + d) % 250) : 0,
  )
  return { size: FRAME, image, masks }
}

function* stored(): Generator<StoredSample> {
  for (let n = 0; n < FRAMES; n++) {
    const { image, masks } = frame(n)
    yield { image, masks, presence: [1, 1, -1], scenario: 'complete' }
  }
}

let dataset: Dataset
beforeAll(async () => {
  const directory = join(root, 'frames')
  mkdirSync(directory)
  const metadata = { structure_names: ['box', 'slab', 'unknown'], image_size: FRAME }
  const shape = { imageSize: FRAME, structures: STRUCTURES }
  await writeDatasetFiles(directory, shape, { train: stored(), val: stored() }, () => metadata)
  dataset = await openDataset(directory)
})

const opened: Decoders[] = []
afterEach(async () => {
  for (const decoders of opened.splice(0)) await decoders.close()
})

function load({ splits }: Dataset, name: SplitName, threads = 0, seed = 42): Loader {
  const decoders = new Decoders({ threads, cleanupFrequency: 5 })
  opened.push(decoders)
  const common = { structures: STRUCTURES, batchSize: 2, dropLast: false, seed }
  return new Loader({ split: splits[name]!, decoders, order: name === 'train' ? 'shuffled' : 'sequential', ...common })
}

async function collect(batches: AsyncGenerator<Batch>): Promise<Batch[]> {
  const kept: Batch[] = []
  for await (const batch of batches)
    kept.push({ ...batch, images: batch.images.slice(), maskBits: batch.maskBits.slice(), waited: 0 })
  return kept
}

/** What the batches hold, sample by sample, without the padding. */
function samplesOf(batches: readonly Batch[]) {
  const [voxels, words] = [sizeOf(PATCH), (STRUCTURES * sizeOf(PATCH)) / 32]
  return batches.flatMap(({ images, maskBits, presence, samples, count }) =>
    Array.from({ length: count }, (_, i) => ({
      sample: samples[i]!,
      image: images.slice(i * voxels, (i + 1) * voxels),
      bits: maskBits.slice(i * words, (i + 1) * words),
      presence: [...presence.slice(i * STRUCTURES, (i + 1) * STRUCTURES)],
    })),
  )
}

function patchOf({ size, image, masks }: StoredFrame, start: ImageSize): { image: Float32Array; bits: Uint32Array } {
  const [from, to] = [sizeOf(size), sizeOf(PATCH)]
  const cut = new Float32Array(to)
  cutPatch(image, size, start, PATCH, cut)
  const bits = new Uint32Array((STRUCTURES * to) / 32)
  const mask = new Uint8Array(to)
  for (let s = 0; s < STRUCTURES; s++) {
    cutPatch(masks.subarray(s * from, (s + 1) * from), size, start, PATCH, mask)
    for (const [v, value] of mask.entries()) if (value) bits[(s * to + v) >>> 5]! |= 1 << (v % 32)
  }
  return { image: cut, bits }
}

const rule = { size: PATCH, perSample: 2, foreground: 0.5 }

describe('training patches', () => {
  test('are cut out of their sample where seed, epoch and index say, with labels of their own', async () => {
    const loader = load(withRandomPatches(dataset, rule), 'train')
    const found = samplesOf(await collect(loader.epoch(3)))
    expect(found.map(({ sample }) => sample).sort()).toEqual([0, 1, 2, 3, 4, 5])
    for (const { sample, image, bits, presence } of found) {
      const own = frame(Math.floor(sample / 2))
      const draw = { seed: 42, epoch: 3, sample, foreground: 0.5, present: [0, 1] }
      const expected = patchOf(own, startOf({ draw }, own, PATCH))
      expect(image).toEqual(expected.image)
      expect(bits).toEqual(expected.bits)
      const words = sizeOf(PATCH) / 32
      const has = (s: number): number => Number(bits.slice(s * words, (s + 1) * words).some(word => word !== 0))
      expect(presence).toEqual([has(0), has(1), -1])
    }
  })

  test('are the same on threads and from the middle of an epoch on; others in another epoch, seed and patch of a sample', async () => {
    const patches = withRandomPatches(dataset, rule)
    const first = await collect(load(patches, 'train').epoch(1))
    expect(await collect(load(patches, 'train', 2).epoch(1))).toEqual(first)
    expect(await collect(load(patches, 'train').epoch(1, 1))).toEqual(first.slice(1))
    const imagesOf = (batches: readonly Batch[]) =>
      samplesOf(batches)
        .sort((a, b) => a.sample - b.sample)
        .map(({ image }) => image)
    const own = imagesOf(first)
    expect(imagesOf(await collect(load(patches, 'train').epoch(2)))).not.toEqual(own)
    expect(imagesOf(await collect(load(patches, 'train', 0, 7).epoch(1)))).not.toEqual(own)
    const [firsts, seconds] = [0, 1].map(place => own.filter((_, sample) => sample % 2 === place))
    expect(seconds).not.toEqual(firsts)
  })
})

test('validation patches lie on the grid of import; where a scan has no intensity, nothing is known', async () => {
  const grid = withGridPatches(dataset, PATCH)
  expect(grid).toMatchObject({ imageSize: PATCH, patches: true })
  const found = samplesOf(await collect(load(grid, 'val').epoch(0)))
  const starts = [0, 4].flatMap(h => [0, 8, 16, 20].flatMap(w => [0, 2].map((d): ImageSize => [h, w, d])))
  expect(found).toHaveLength(FRAMES * starts.length)
  for (const { sample, image, bits, presence } of found) {
    const start = starts[sample % starts.length]!
    const expected = patchOf(frame(Math.floor(sample / starts.length)), start)
    expect(image).toEqual(expected.image)
    expect(bits).toEqual(expected.bits)
    expect(presence).toEqual(start[1] === 0 ? [1, 1, -1] : start[1] === 8 ? [0, 1, -1] : [-1, -1, -1])
  }
})

describe('centres', () => {
  const size: ImageSize = [40, 40, 40]
  const voxel: Place = [20, 30, 12]
  const box = [
    [16, 16, 16],
    [24, 24, 24],
  ] as const
  const masks = new Uint8Array(3 * sizeOf(size))
  volume(masks, size, at => Number(inBox(at, [...box[0]], [...box[1]])))
  volume(masks.subarray(sizeOf(size)), size, at => Number(at.join() === voxel.join()))
  // the scan ends at h = 20, in the middle of the box and before the voxel
  const image = volume(new Float32Array(sizeOf(size)), size, ([h]) => Number(h < 20))
  const DRAWS = 600

  /** Starts whose patch is centred on the voxel, in the box, elsewhere. */
  function counted(draw: Pick<PatchDraw, 'foreground' | 'present'>) {
    const counts = { voxel: 0, box: 0, elsewhere: 0, highest: 0 }
    for (let sample = 0; sample < DRAWS; sample++) {
      const start = startOf({ draw: { seed: 1, epoch: 0, sample, ...draw } }, { size, image, masks }, PATCH)
      expect(start.every((at, axis) => Number.isInteger(at) && at >= 0 && at <= size[axis]! - 16)).toBe(true)
      const centre = start.map(at => at + 8) as Place
      if (centre.join() === voxel.join()) counts.voxel++
      else if (inBox(centre, [...box[0]], [...box[1]])) counts.box++
      else {
        counts.elsewhere++
        counts.highest = Math.max(counts.highest, start[0])
      }
    }
    return counts
  }

  test('every present structure is as likely as another, whatever its size', () => {
    const { voxel, box, elsewhere } = counted({ foreground: 1, present: [0, 1] })
    expect(elsewhere).toBe(0)
    expect(Math.abs(voxel - box)).toBeLessThan(100)
  })

  test('the others are anywhere in the scan, and patches at its edge are moved inside', () => {
    const half = counted({ foreground: 0.5, present: [0, 1] })
    expect(Math.abs(half.voxel - DRAWS / 4)).toBeLessThan(45)
    expect(Math.abs(half.box - DRAWS / 4)).toBeLessThan(45)
    expect(half.highest).toBeLessThan(12)
    const none = counted({ foreground: 0, present: [0, 1] })
    expect(none.voxel).toBe(0)
    expect(none.elsewhere).toBeGreaterThan(0.95 * DRAWS)
  })

  test('a structure that is absent or has no voxels is no centre', () => {
    expect(counted({ foreground: 1, present: [0] }).voxel).toBe(0)
    expect(counted({ foreground: 1, present: [1, 2] }).voxel).toBe(DRAWS)
    expect(counted({ foreground: 1, present: [2] })).toEqual(counted({ foreground: 1, present: [] }))
  })
})

describe('one line refuses', () => {
  test('a patch that is larger than a sample', () => {
    expect(() => withRandomPatches(dataset, { ...rule, size: [16, 48, 16] })).toThrow(
      /^training\.patch_size is 16×48×16, the samples of .*frames are 20×36×18: expected a patch no longer than a sample along any axis$/,
    )
  })

  test('scans whose voxels differ in length', () => {
    const frame = { kind: 'field_of_view' } as const
    const preparation = { orientation: 'RAS' as const, frame, image_size: FRAME, intensity: [] }
    expect(() => withRandomPatches({ ...dataset, preparation }, rule)).toThrow(/expected scans imported with --spacing/)
  })

  test('a size for whole samples beside it', () => {
    const overrides = ['training.patch_size=[16,16,16]', 'training.image_size=[32,32,32]']
    expect(() => loadConfig({ overrides })).toThrow(
      /training\.patch_size is \[16, 16, 16\] .*expected None beside training\.image_size/,
    )
  })
})

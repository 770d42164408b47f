import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDataset } from '../../../src/data/dataset/dataset.ts'
import type { SplitName } from '../../../src/data/dataset/split.ts'
import { Hdf5File } from '../../../src/data/hdf5/file.ts'
import { SCENARIOS, STRUCTURES } from '../../../src/data/synthetic/anatomy.ts'
import { GENERATE_DEFAULTS, generateDataset, planSplits } from '../../../src/data/synthetic/generate.ts'
import { blur, zoom } from '../../../src/data/synthetic/smooth.ts'
import { makeSample } from '../../../src/data/synthetic/synthetic.ts'
import type { ImageSize } from '../../../src/util/shape.ts'
import { temporaryDirectory } from '../small_dataset.ts'

const directory = temporaryDirectory()
const imageSize: ImageSize = [32, 32, 16]
const voxels = 32 * 32 * 16
const options = { ...GENERATE_DEFAULTS, imageSize, totalSamples: 40 }
const tiny = { ...options, imageSize: [16, 16, 16] as ImageSize }

test('1000 samples are divided as documented', () => {
  const plan = planSplits(GENERATE_DEFAULTS)
  expect([plan.train.length, plan.val.length, plan.test.length]).toEqual([699, 200, 101])
  const all = [...plan.train, ...plan.val, ...plan.test]
  expect(all.map(({ index }) => index).sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  const counts = SCENARIOS.map(({ name }) => all.filter(({ scenario }) => scenario.name === name).length)
  // floor(1000 · weight / 0.97), the last one takes what is left
  expect(counts).toEqual([309, 103, 103, 82, 82, 61, 41, 30, 20, 51, 30, 41, 20, 27])
  for (const [i, { name }] of SCENARIOS.entries()) {
    const held = [...plan.val, ...plan.test].filter(({ scenario }) => scenario.name === name).length
    expect(Math.abs(held - (counts[i]! * 301) / 1000)).toBeLessThan(1)
  }
  expect(planSplits(GENERATE_DEFAULTS)).toEqual(plan)
  expect(planSplits({ ...GENERATE_DEFAULTS, seed: 43 })).not.toEqual(plan)
  expect(planSplits({ ...GENERATE_DEFAULTS, testSplit: 0 })).toMatchObject({ test: [] })
})

test('scenarios leave out what their names say', () => {
  const absent = (name: string) => {
    const { present } = SCENARIOS.find(scenario => scenario.name === name)!
    return STRUCTURES.map(structure => structure.name).filter(structure => !present.includes(structure))
  }
  expect(SCENARIOS).toHaveLength(14)
  expect(STRUCTURES).toHaveLength(13)
  expect(absent('normal_complete')).toEqual([])
  expect(absent('missing_L2_L3')).toEqual(['L2', 'L3'])
  expect(absent('bilateral_lung_resection')).toEqual(['left_lung', 'right_lung'])
  expect(absent('extensive_resection')).toEqual(['left_lung', 'spleen', 'pancreas', 'left_kidney'])
})

test('a sample is a function of seed and index', () => {
  const complete = SCENARIOS[0]!
  const sample = makeSample(options, 7, complete)
  expect(makeSample(options, 7, complete)).toEqual(sample)
  expect(makeSample(options, 8, complete).image).not.toEqual(sample.image)
  expect(makeSample({ ...options, seed: 43 }, 7, complete).image).not.toEqual(sample.image)
  // A structure's appearance does not depend on which others are present.
  const thoracic = makeSample(options, 7, SCENARIOS[1]!)
  expect(thoracic.masks.subarray(0, 3 * voxels)).toEqual(sample.masks.subarray(0, 3 * voxels))
  expect(thoracic.masks.subarray(3 * voxels).includes(1)).toBe(false)
  expect(thoracic.presence).toEqual([1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
})

// Over 500 complete samples of 32×32×16 made with numpy and scipy by the same description: mean voxels of each
// structure's mask, their relative standard deviation, and the mean and deviation of the mean intensity under the mask.
const REFERENCE = {
  voxels: [168.7, 201.4, 58.0, 208.7, 32.9, 40.2, 28.0, 28.3, 76.2, 76.4, 76.5, 77.0, 76.9],
  voxelsDeviation: [0.39, 0.39, 0.36, 0.36, 0.1, 0.16, 0.18, 0.19, 0.1, 0.1, 0.1, 0.09, 0.09],
  intensity: [87.1, 91.9, 75.9, 98.5, 71.2, 74.7, 65.1, 78.9, 94.5, 105.1, 107.2, 104.6, 93.4],
  intensityDeviation: [11.4, 11.4, 9.8, 12.6, 7.1, 15.0, 7.9, 29.7, 14.1, 16.4, 17.1, 16.8, 14.6],
}

test('sizes and intensities of the structures are those of the description', () => {
  const samples = 40
  const counts = STRUCTURES.map(() => 0)
  const intensities = STRUCTURES.map(() => 0)
  for (let n = 0; n < samples; n++) {
    const { image, masks } = makeSample(options, n, SCENARIOS[0]!)
    for (const s of STRUCTURES.keys()) {
      const inside = image.filter((_, v) => masks[s * voxels + v])
      counts[s]! += inside.length / samples
      intensities[s]! += inside.reduce((sum, value) => sum + value, 0) / inside.length / samples
    }
  }
  const errors = 4 / Math.sqrt(samples)
  for (const s of STRUCTURES.keys()) {
    const expected = REFERENCE.voxels[s]!
    expect(Math.abs(counts[s]! - expected)).toBeLessThan(errors * expected * REFERENCE.voxelsDeviation[s]!)
    expect(Math.abs(intensities[s]! - REFERENCE.intensity[s]!)).toBeLessThan(errors * REFERENCE.intensityDeviation[s]!)
  }
})

test('without variation a structure lies in its documented place, and the rest is background', () => {
  const still = { ...options, imageSize: [64, 64, 32] as ImageSize, positionNoise: 0, sizeNoise: 0, intensityNoise: 0 }
  const { image, masks } = makeSample(still, 0, SCENARIOS[0]!)
  const [right, left] = [1, 0].map(s =>
    centroid(masks.subarray(s * image.length, (s + 1) * image.length), [64, 64, 32]),
  )
  expect(right!.map(Math.round)).toEqual([48, 19, 16]) // int(.75·64), int(.3·64), int(.5·32)
  expect(left!.map(Math.round)).toEqual([16, 19, 16])
  const background = image.filter((_, v) => STRUCTURES.every((__, s) => masks[s * image.length + v] === 0))
  const mean = background.reduce((sum, value) => sum + value, 0) / background.length
  const deviation = Math.sqrt(background.reduce((sum, value) => sum + (value - mean) ** 2, 0) / background.length)
  // Of clip(N(40, 20), 0, 80) + N(0, 8) clipped at 0, drawn with numpy; blurred borders below the threshold add a little.
  expect(Math.abs(mean - 40.1)).toBeLessThan(0.4)
  expect(Math.abs(deviation - 20.5)).toBeLessThan(0.4)
  expect(image.every(value => value >= 0 && value <= 255)).toBe(true)
})

function centroid(mask: Uint8Array, size: ImageSize): number[] {
  const sums = [0, 0, 0]
  let count = 0
  for (const [v, inside] of mask.entries())
    if (inside) {
      const place = [Math.floor(v / size[2] / size[1]), Math.floor(v / size[2]) % size[1], v % size[2]]
      for (const [i, value] of place.entries()) sums[i]! += value
      count++
    }
  return sums.map(sum => sum / count)
}

test('blur and zoom are those of scipy.ndimage', () => {
  const coarse = Float64Array.from({ length: 3 * 4 * 2 }, (_, i) => Math.sin(i * 1.7) * 10 + i)
  const size: ImageSize = [24, 32, 16]
  const fine = zoom(coarse, [3, 4, 2], size, [0, 0, 0], size)
  const at = (h: number, w: number, d: number): number => (h * 32 + w) * 16 + d
  // scipy 1.10: zoom(a, 8, order=3), gaussian_filter of that with sigma 2 and 0.8
  expect(fine[at(3, 5, 7)]).toBeCloseTo(1.4904630944061013, 10)
  expect(fine[at(20, 30, 11)]).toBeCloseTo(28.7966554417023, 10)
  const wide = fine.slice()
  blur(wide, size, 2)
  expect(wide[at(0, 3, 15)]).toBeCloseTo(6.600630779405645, 10)
  const narrow = fine.slice()
  blur(narrow, size, 0.8)
  expect(narrow[at(0, 3, 15)]).toBeCloseTo(7.261232580735294, 10)
  const part = zoom(coarse, [3, 4, 2], size, [3, 5, 7], [5, 8, 9])
  expect(part[0]).toBe(fine[at(3, 5, 7)])
  expect(part[(1 * 3 + 2) * 2 + 1]).toBe(fine[at(4, 7, 8)])
})

test('a generated dataset opens, is the same with and without threads, and replaces an earlier one whole', async () => {
  const twice = await Promise.all([0, 2].map(threads => generate(join(directory, `${threads}`), threads)))
  expect(twice[0]).toEqual(twice[1])
  const dataset = await openDataset(join(directory, '0'))
  expect(dataset.structureNames).toEqual(STRUCTURES.map(({ name }) => name))
  const counts = Object.entries(dataset.splits).map(([name, split]) => [name, split.samples])
  expect(Object.fromEntries(counts)).toEqual({ train: 27, val: 8, test: 5 })
  const plan = planSplits(options)
  expect(dataset.splits.val!.scenarios).toEqual(plan.val.map(({ scenario }) => scenario.name))
  const other = { ...tiny, outputDir: join(directory, '0'), totalSamples: 6, testSplit: 0 }
  await expect(generateDataset(other)).rejects.toThrow(
    /0: holds another dataset \(total_samples is 40, expected 6\): metadata\.json, hashes\.json, train\.h5, val\.h5, test\.h5; choose another folder, or replace these files with generate --overwrite$/,
  )
  expect((await openDataset(join(directory, '0'))).splits.train!.samples).toBe(27)
  writeFileSync(join(directory, '0', 'notes.txt'), 'mine')
  writeFileSync(join(directory, '0', '.test.h5.999999999.tmp'), 'left by a dead process')
  await generateDataset({ ...other, overwrite: true })
  expect(readFileSync(join(directory, '0', 'notes.txt'), 'utf8')).toBe('mine')
  rmSync(join(directory, '0', 'notes.txt'))
  expect(readdirSync(join(directory, '0')).sort()).toEqual(['hashes.json', 'metadata.json', 'train.h5', 'val.h5'])
})

/** All images and masks of the three files, as numbers. */
async function generate(outputDir: string, threads: number): Promise<Record<string, unknown>> {
  const done: number[] = []
  await generateDataset({ ...tiny, outputDir }, count => done.push(count), threads)
  expect(done).toEqual(Array.from({ length: 40 }, (_, i) => i + 1))
  const names: SplitName[] = ['train', 'val', 'test']
  const contents: Record<string, unknown> = { metadata: readFileSync(join(outputDir, 'metadata.json'), 'utf8') }
  for (const name of names) {
    const file = await Hdf5File.open(join(outputDir, `${name}.h5`))
    for (const part of ['images', 'masks']) {
      const dataset = file.dataset(part)
      contents[`${name} ${part}`] = file.read(dataset, 0, dataset.shape[0]!)
    }
    file.close()
  }
  return contents
}

test('options that make no dataset are refused before anything is written', async () => {
  const outputDir = join(directory, 'refused')
  const refusals = [
    [{ imageSize: [32, 24, 16] as ImageSize }, /every axis must be a multiple of 16/],
    [{ validationSplit: 0.9, testSplit: 0.1 }, /a sum below 1/],
    [{ totalSamples: 1 }, /leave no sample/],
    [{ sizeNoise: -1 }, /sizeNoise is -1/],
  ] as const
  for (const [wrong, message] of refusals)
    await expect(generateDataset({ ...options, outputDir, ...wrong })).rejects.toThrow(message)
  expect(existsSync(outputDir)).toBe(false)
})

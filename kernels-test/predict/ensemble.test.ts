import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/checkpoint/fields.ts'
import { defaultConfig } from '../../src/config/schema.ts'
import { Hdf5Writer } from '../../src/data/hdf5/writer.ts'
import { readNifti } from '../../src/data/scan/nifti/read.ts'
import { writeNifti } from '../../src/data/scan/nifti/writer.ts'
import { EnsembleMean } from '../../src/predict/ensemble_mean.ts'
import type { PredictionRequest } from '../../src/predict/job.ts'
import { MaskVotes } from '../../src/predict/mask_votes.ts'
import { predict } from '../../src/predict/predict.ts'
import { toFloat16 } from '../../src/util/float16.ts'
import { type ImageSize, sizeOf } from '../../src/util/shape.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { onOneDevice } from '../one_device.ts'
import { writeOverflowing } from './overflowing_model.ts'
import { rowsOf } from './result_rows.ts'
import { type SmallShape, smallWeights, writeSmallModel } from './small_model.ts'

const folder = temporaryDirectory()
const NAMES = ['left_lung', 'right_lung', 'heart']
const SIZE: ImageSize = [16, 16, 16]
const VOXELS = sizeOf(SIZE)
const SAMPLES = 4

const patched: Record<string, Json> = {
  patches: true,
  preparation: {
    orientation: 'RAS',
    frame: { kind: 'spacing', spacing_mm: [1, 1, 1] },
    image_size: SIZE,
    intensity: [{ kind: 'window', low: 0, high: 255 }],
  },
  config: { augmentation: { flip_axes: [0] }, model: { presence_threshold: 0.4 } },
}

interface Made extends Partial<SmallShape> {
  names?: string[]
  sadaan?: Record<string, Json>
}

function modelAt(name: string, seed: number, { names = NAMES, sadaan, ...shape }: Made = {}): string {
  const path = join(folder, name)
  writeSmallModel(path, names, { size: SIZE, inChannels: 1, ...shape }, sadaan, seed)
  return path
}

const alike = [modelAt('a.pth', 1), modelAt('b.pth', 2)]
const wide = modelAt('c.pth', 3, { channels: [4, 4, 4, 6, 8], features: 12 })
const members = [...alike, wide]

function imageOf(size: ImageSize, seed: number): Float32Array {
  return Float32Array.from({ length: sizeOf(size) }, (_, v) => (v * 7 + ((v * v * seed) % 101) + (v >> 5) * 13) % 251)
}

const images = join(folder, 'images.h5')
const writer = await Hdf5Writer.create(images, [{ name: 'images', kind: 'float32', rowShape: SIZE }])
for (let n = 0; n < SAMPLES; n++) writer.append('images', imageOf(SIZE, n + 1))
await writer.finish()

let runs = 0

async function run(weights: string | readonly string[], more: Partial<PredictionRequest> = {}) {
  const config = defaultConfig()
  config.compute.adapter = process.env.SADAAN_ADAPTER ?? null
  config.training.batch_size = 3
  const output = join(folder, `out${runs++}`)
  const lines: string[] = []
  const say = (line: string): number => lines.push(line)
  const request = { config, weights, input: images, split: 'test' as const, output, raw: false, say }
  const prediction = await onOneDevice(() => predict({ ...request, progress: () => undefined, ...more }))
  return {
    output,
    lines,
    prediction,
    structures: prediction.found.flatMap(each => NAMES.map(s => each.structures[s]!)),
  }
}

/** Sums in the order of the models, in float32. */
function meanOf(values: readonly Float32Array[]): Float32Array {
  const sums = new Float32Array(values[0]!.length)
  for (const each of values) for (let i = 0; i < sums.length; i++) sums[i]! += each[i]!
  return sums.map(sum => sum / values.length)
}

function deviationOf(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
}

function largestDifference(one: Float32Array, other: ArrayLike<number>): number {
  expect(one.length).toBe(other.length)
  return one.reduce((most, value, i) => Math.max(most, Math.abs(value - other[i]!)), 0)
}

/** Counted voxel by voxel. */
function naivePairwiseDice(masks: readonly number[][]): number | null {
  const dice: number[] = []
  for (const [i, one] of masks.entries())
    for (const other of masks.slice(0, i)) {
      const sizes = one.reduce((sum, value, v) => sum + value + other[v]!, 0)
      if (sizes > 0) dice.push((2 * one.reduce((sum, value, v) => sum + value * other[v]!, 0)) / sizes)
    }
  return dice.length === 0 ? null : dice.reduce((sum, each) => sum + each, 0) / dice.length
}

describe('of HDF5 images', async () => {
  const wanted = { probabilities: true, attention: true }
  const single: Awaited<ReturnType<typeof run>>[] = []
  for (const path of members) single.push(await run(path, wanted))
  const volumesOf = (file: string, dataset: string): Promise<Float32Array[]> =>
    Promise.all(single.map(({ output }) => rowsOf(output, file, dataset)))
  const own = await volumesOf('probabilities.h5', 'probabilities')
  const together = await run(members, { ...wanted, uncertainty: true })

  test('probabilities, attention and presence are the means of those of each model', async () => {
    const found = await rowsOf(together.output, 'probabilities.h5', 'probabilities')
    expect(largestDifference(found, meanOf(own))).toBeLessThan(1e-6)
    expect(largestDifference(own[0]!, own[1]!)).toBeGreaterThan(0.1)
    const attention = await rowsOf(together.output, 'attention.h5', 'attention_maps')
    expect(largestDifference(attention, meanOf(await volumesOf('attention.h5', 'attention_maps')))).toBeLessThan(1e-6)
    const masks = await rowsOf(together.output, 'masks.h5', 'masks')
    expect(new Set(masks)).toEqual(new Set([0, 1]))
    for (const [i, each] of together.structures.entries()) {
      const q = single.map(({ structures }) => structures[i]!.presence_probability)
      expect(each.presence_probability).toBeCloseTo(q.reduce((sum, value) => sum + value, 0) / q.length, 6)
      expect(each.presence_std).toBeCloseTo(deviationOf(q), 6)
      const at = [i * VOXELS, (i + 1) * VOXELS] as const
      expect([...masks.slice(...at)]).toEqual(Array.from(found.slice(...at), p => Number(each.present && p > 0.5)))
      const peak = attention.slice(...at).reduce((most, value) => Math.max(most, value), 0)
      expect(each.attention_peak).toBe(peak)
    }
  })

  test('disagreement is the deviation of the probabilities, and the Dice of pairs of masks', async () => {
    const uncertainty = await rowsOf(together.output, 'uncertainty.h5', 'uncertainty')
    const expected = Float64Array.from(uncertainty, (_, v) => deviationOf(own.map(values => values[v]!)))
    expect(largestDifference(uncertainty, expected)).toBeLessThan(1e-6)
    for (const [i, each] of together.structures.entries()) {
      const masks = own.map(values => Array.from(values.slice(i * VOXELS, (i + 1) * VOXELS), p => Number(p > 0.5)))
      const dice = naivePairwiseDice(masks)
      if (dice === null) expect(each.pairwise_dice).toBeNull()
      else expect(each.pairwise_dice).toBeCloseTo(dice, 12)
    }
    const [header, line] = readFileSync(join(together.output, 'presence.csv'), 'utf8').split('\n')
    expect(header).toMatch(/,scan,attention_peak,presence_std,pairwise_dice,warnings$/)
    expect(line!.split(',').slice(-3)).toEqual([
      String(together.structures[0]!.presence_std),
      String(together.structures[0]!.pairwise_dice),
      '',
    ])
  })

  test('the order in which models are given changes no bit', async () => {
    const other = await run([wide, ...alike.toReversed()], { ...wanted, uncertainty: true })
    for (const file of ['presence.csv', 'presence.json'])
      expect(readFileSync(join(other.output, file), 'utf8')).toBe(readFileSync(join(together.output, file), 'utf8'))
    for (const [file, dataset] of [
      ['probabilities.h5', 'probabilities'],
      ['attention.h5', 'attention_maps'],
      ['uncertainty.h5', 'uncertainty'],
      ['masks.h5', 'masks'],
    ] as const)
      expect(await rowsOf(other.output, file, dataset)).toEqual(await rowsOf(together.output, file, dataset))
    expect(JSON.parse(readFileSync(join(other.output, 'presence.json'), 'utf8')).weights).toEqual(members)
  })

  test('models of the same widths need the memory of one', async () => {
    const memoryOf = (lines: string[]): string => lines.find(line => line.startsWith('memory'))!
    const { lines } = await run(alike, wanted)
    expect(memoryOf(lines)).toBe(memoryOf(single[0]!.lines))
  })

  test('structures are matched by name', async () => {
    const turned = join(folder, 'turned.pth')
    writeSmallModel(turned, [NAMES[2]!, NAMES[0]!, NAMES[1]!], { size: SIZE, inChannels: 1 }, {}, 2)
    const alone = await run(turned, wanted)
    const { output, structures } = await run([alike[0]!, turned], wanted)
    const theirs = await rowsOf(alone.output, 'probabilities.h5', 'probabilities')
    const inOrder = new Float32Array(theirs.length)
    for (let pair = 0; pair < SAMPLES * 3; pair++) {
      const from = pair - (pair % 3) + (((pair % 3) + 1) % 3)
      inOrder.set(theirs.subarray(from * VOXELS, (from + 1) * VOXELS), pair * VOXELS)
    }
    const found = await rowsOf(output, 'probabilities.h5', 'probabilities')
    expect(largestDifference(found, meanOf([own[0]!, inOrder]))).toBeLessThan(1e-6)
    for (const [i, each] of structures.entries()) {
      const [one, other] = [single[0]!, alone].map(({ structures }) => structures[i]!.presence_probability)
      expect(each.presence_probability).toBeCloseTo((one! + other!) / 2, 6)
    }
  })

  test('a model that overflows is named, not averaged away', async () => {
    const overflowing = join(folder, 'overflowing.pth')
    writeOverflowing(overflowing, alike[1]!, 2)
    await expect(run([alike[0]!, overflowing])).rejects.toThrow(
      `${images}: sample 0: ${overflowing}'s presence_probs of heart is NaN, expected a finite number (3 more inputs`,
    )
  })

  test('a file of half precision beside one of full precision', async () => {
    const half = join(folder, 'half.safetensors')
    writeHalf(half)
    const alone = await run(half, wanted)
    const { output } = await run([half, alike[0]!], wanted)
    const rounded = await rowsOf(alone.output, 'probabilities.h5', 'probabilities')
    const found = await rowsOf(output, 'probabilities.h5', 'probabilities')
    expect(largestDifference(found, meanOf([own[0]!, rounded]))).toBeLessThan(1e-6)
    expect(largestDifference(rounded, own[1]!)).toBeGreaterThan(0)
    expect(largestDifference(rounded, own[1]!)).toBeLessThan(0.05)
  })
})

/** The weights of the second model as a safetensors file of f16. */
function writeHalf(path: string): void {
  const header: Record<string, unknown> = { __metadata__: { structure_names: JSON.stringify(NAMES) } }
  const parts: Uint8Array[] = []
  let at = 0
  for (const [name, { shape, data }] of smallWeights(3, { size: SIZE, inChannels: 1 }, 2)) {
    const values = toFloat16(Float32Array.from(data as Float32Array))
    const bytes = new Uint8Array(values.buffer, values.byteOffset, 2 * data.length)
    header[name] = { dtype: 'F16', shape, data_offsets: [at, at + bytes.length] }
    parts.push(bytes)
    at += bytes.length
  }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  writeFileSync(path, Buffer.concat([length, text, ...parts]))
}

describe('without an adapter', () => {
  test('volumes beyond the memory limit go through files, which are removed', () => {
    const grid: ImageSize = [3, 5, 4]
    const probabilities = [1, 2, 3, 4].map(k => imageOf([6, 5, 4], k).map(value => value / 251))
    const meanWithin = (memoryLimit: number): Float32Array[] => {
      const names = ['segmentation_probs'] as const
      const scratch = (name: string): string => join(folder, `scratch ${name}`)
      const means = new EnsembleMean({ models: 4, structures: 2, names, hasUncertainty: true, scratch, memoryLimit })
      const found: Float32Array[] = []
      for (const [k, values] of probabilities.entries()) {
        const volume = (_: string, s: number): Float32Array => values.subarray(60 * s, 60 * (s + 1))
        means.add(7, grid, { presence: [k / 4, 1], volume }, ({ volume }) => {
          for (const s of [0, 1])
            for (const name of [...names, 'uncertainty'] as const) found.push(volume(name, s).slice())
        })
        expect(readdirSync(folder).filter(name => name.startsWith('scratch'))).toHaveLength(
          memoryLimit === 0 && k < 3 ? 2 : 0,
        )
      }
      return found
    }
    const inFiles = meanWithin(0)
    expect(inFiles).toEqual(meanWithin(2 ** 20))
    const second = probabilities.map(values => values.slice(60))
    expect(largestDifference(inFiles[2]!, meanOf(second))).toBeLessThan(1e-6)
    const deviations = second[0]!.map((_, v) => deviationOf(second.map(values => values[v]!)))
    expect(largestDifference(inFiles[3]!, deviations)).toBeLessThan(1e-6)
  })

  test('pairs of empty masks have no Dice', () => {
    const votes = new MaskVotes(1, 40)
    const empty = new Float32Array(40)
    const full = empty.map(() => 1)
    for (const mask of [empty, empty]) votes.add(0, mask)
    expect(votes.pairwiseDice(0)).toBeNull()
    votes.add(0, full)
    expect(votes.pairwiseDice(0)).toBe(0)
    votes.add(0, full)
    expect(votes.pairwiseDice(0)).toBe(1 / 5)
  })
})

describe('of a scan', () => {
  const size: ImageSize = [24, 17, 20]
  const scan = join(folder, 'scan.nii')
  const affine = [0, 1, 2].map(row => [0, 1, 2, 3].map(column => Number(row === column)))
  writeNifti(scan, imageOf(size, 5), { size, affine: affine as never })
  const models = [modelAt('p.pth', 4, { sadaan: patched }), modelAt('q.pth', 5, { sadaan: patched })]
  const wanted = { input: scan, probabilities: true, overlap: 0.5, flips: 'trained' as const }
  const volumeOf = (output: string, kind: string, name: string): Float32Array =>
    Float32Array.from(readNifti(join(output, kind, `${name}.nii.gz`)).values)

  test('each model slides and flips on its own, and the means are written', async () => {
    const single = [await run(models[0]!, wanted), await run(models[1]!, wanted)]
    const more = { ...wanted, uncertainty: true, largestComponent: true, presenceThreshold: 0 }
    const { output, structures } = await run(models, more)
    for (const [s, name] of NAMES.entries()) {
      const own = single.map(each => volumeOf(each.output, 'probabilities', name))
      const mean = volumeOf(output, 'probabilities', name)
      expect(largestDifference(mean, meanOf(own))).toBeLessThan(1e-6)
      const uncertainty = volumeOf(output, 'uncertainty', name)
      expect(
        largestDifference(
          uncertainty,
          mean.map((_, v) => Math.abs(own[0]![v]! - own[1]![v]!) / 2),
        ),
      ).toBeLessThan(1e-6)
      const q = single.map(each => each.structures[s]!.presence_probability)
      expect(structures[s]!.presence_probability).toBeCloseTo((q[0]! + q[1]!) / 2, 6)
      const masks = own.map(values => Array.from(values, p => Number(p > 0.5)))
      expect(structures[s]!.pairwise_dice).toBeCloseTo(naivePairwiseDice(masks)!, 12)
      const mask = volumeOf(output, 'masks', name)
      expect(mask.every((value, v) => value <= Number(mean[v]! > 0.5))).toBe(true)
      expect(mask.reduce((sum, value) => sum + value, 0)).toBe(structures[s]!.mask_voxels)
    }
  })

  test('what does not fit is one line', async () => {
    const [p, q] = models as [string, string]
    await expect(run(models, { raw: true })).rejects.toThrow('raw outputs are those of one model, expected one file')
    await expect(run(p, { uncertainty: true })).rejects.toThrow(
      `${p}: uncertainty is how far models disagree, expected the weights of at least two`,
    )
    const config = { augmentation: { flip_axes: [0, 1] }, model: { presence_threshold: 0.4 } }
    const other = modelAt('z.pth', 6, { sadaan: { ...patched, config } })
    await expect(run([q, other], wanted)).rejects.toThrow(
      `${other}: training flipped along axis 0, 1, that of ${q} along 0; name the axes: with augmentation.flip_axes=[0]`,
    )
  })
})

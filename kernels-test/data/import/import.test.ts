import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDataset } from '../../../src/data/dataset/dataset.ts'
import { importScans } from '../../../src/data/import/import.ts'
import { parseStructures } from '../../../src/data/import/structures.ts'
import { Frame } from '../../../src/data/scan/frame.ts'
import type { ImageSize } from '../../../src/util/shape.ts'
import { sizeOf } from '../../../src/util/shape.ts'
import { everyOrientation } from '../scan/orientations.ts'
import { temporaryDirectory } from '../small_dataset.ts'
import { datasetOf, folders, headImage, headLabels, optionsFor, rows, SIZE, writeVolume } from './input.ts'

const root = temporaryDirectory()
const tissues = parseStructures('csf=4,grey=5,white=6')

test('the head becomes a dataset: oriented, scaled, its tissues with their shares of the volume', async () => {
  const imageSize: ImageSize = [64, 32, 64]
  const source = { images: headImage, labels: headLabels, structures: tissues }
  const options = optionsFor(join(root, 'head'), source, { imageSize })
  const report = await importScans(options)
  expect(report.splits.train).toEqual(report.splits.val)
  expect(report.warnings).toEqual([
    expect.stringContaining('label values 1, 2, 3 belong to no structure'),
    expect.stringContaining('no subject is left for validation'),
  ])
  expect(report.presence[0]).toMatchObject({ name: 'csf', present: 1, absent: 0, unknown: 0 })
  const dataset = await openDataset(options.outputDir)
  expect(dataset).toMatchObject({ structureNames: ['csf', 'grey', 'white'], imageSize, channels: 1, patches: false })
  expect(dataset.preparation).toEqual({
    orientation: 'RAS',
    frame: { kind: 'field_of_view' },
    image_size: imageSize,
    intensity: [{ kind: 'percentile', low: 0.5, high: 99.5 }],
  })
  const { presence, scenarios, subjects, spacing } = dataset.splits.train!
  expect([[...presence], scenarios, subjects]).toEqual([[1, 1, 1], ['complete'], ['KmeansTest_T1UCharRaw']])
  expect([...spacing!]).toEqual([4, 3 * Math.fround(62 / 32), 4].map(length => expect.closeTo(length, 4)))
  const masks = await rows(join(options.outputDir, 'train.h5'), 'masks')
  const voxels = sizeOf(imageSize)
  // Shares of labels 4, 5 and 6 in the label volume itself.
  for (const [s, share] of [0.0237, 0.0562, 0.0465].entries()) {
    const inside = masks.subarray(s * voxels, (s + 1) * voxels).reduce((sum, value) => sum + value, 0)
    expect(Math.abs(inside / voxels - share)).toBeLessThan(0.002)
  }
  const image = await rows(join(options.outputDir, 'train.h5'), 'images')
  expect(image.reduce((low, value) => Math.min(low, value), 255)).toBe(0)
  expect(image.reduce((high, value) => Math.max(high, value), 0)).toBeGreaterThan(250)
  // White matter is bright in T1, fluid dark.
  const mean = tissues.map((_, s) => meanUnder(image, masks.subarray(s * voxels, (s + 1) * voxels)))
  expect(mean[2]! > mean[1]! && mean[1]! > mean[0]!).toBe(true)
  expect(datasetOf(options).dataset_info.subjects[0]).toMatchObject({
    orientation: 'LSA',
    size: [128, 62, 128],
    voxel_size_mm: [2, 3, 2],
    intensity: [{ low: 0, high: 187 }],
  })
})

function meanUnder(image: Float32Array, mask: Float32Array): number {
  const inside = image.filter((_, v) => mask[v] === 1)
  return inside.reduce((sum, value) => sum + value, 0) / inside.length
}

test('label → mask → label is the identity at the native grid, in all 48 orientations, oblique too', async () => {
  const images = join(root, 'oriented', 'images')
  const labels = join(root, 'oriented', 'labels')
  const all = everyOrientation()
  const names = all.map((_, n) => `s${n}`)
  const labelOf = (n: number, v: number): number => (v * 7 + n + Math.floor(v / 13)) % 4
  for (const [n, { size, affine }] of all.entries()) {
    writeVolume(join(images, `s${n}.nii`), { size, affine, value: v => v % (50 + n) })
    writeVolume(join(labels, `s${n}.nii`), { size, affine, type: 2, value: v => labelOf(n, v) })
  }
  const { spacing, native } = all[0]!
  const options = optionsFor(join(root, 'oriented', 'out'), { images, labels }, { imageSize: native, spacing })
  expect((await importScans(options)).cropped.scans).toBe(0)
  const { splits } = await openDataset(options.outputDir)
  let seen = 0
  for (const split of ['train', 'val'] as const) {
    const masks = await rows(join(options.outputDir, `${split}.h5`), 'masks')
    for (const [row, subject] of splits[split]!.subjects.entries()) {
      const n = names.indexOf(subject)
      const { size, affine } = all[n]!
      const frame = new Frame({ size, affine }, { kind: 'spacing', spacing_mm: spacing }, native)
      const volume = new Uint8Array(sizeOf(size))
      for (const s of [0, 1, 2]) {
        const mask = frame.imageToScan(masks.slice((row * 3 + s) * volume.length, (row * 3 + s + 1) * volume.length))
        for (let v = 0; v < volume.length; v++) if (mask[v]! > 0.5) volume[v] = s + 1
      }
      // written with i fastest, placed with k fastest
      const [width, height, depth] = size
      const wrong = volume.findIndex((value, at) => {
        const [i, j, k] = [Math.floor(at / (height * depth)), Math.floor(at / depth) % height, at % depth]
        return value !== labelOf(n, (k * height + j) * width + i)
      })
      expect(wrong, `${subject}`).toBe(-1)
      seen++
    }
  }
  expect(seen).toBe(all.length)
})

test('folders are paired by name and divided by subject; labels become structures', async () => {
  const options = folders(join(root, 'five'), 5)
  const report = await importScans({ ...options, testSplit: 0.2 })
  expect(report.structureNames).toEqual(['label_1', 'label_2'])
  expect(report.warnings).toEqual([])
  const [train, val, held] = [report.splits.train, report.splits.val, report.splits.test].map(
    ({ subjects }) => subjects,
  ) as [string[], string[], string[]]
  expect([train.length, val.length, held.length]).toEqual([3, 1, 1])
  expect([...train, ...val, ...held].sort()).toEqual(['s0', 's1', 's2', 's3', 's4'])
  const dataset = await openDataset(options.outputDir)
  expect(dataset.splits.train!.subjects).toEqual(train)
  const hasBoth = (name: string): boolean => Number(name.slice(1)) % 2 === 1
  expect(dataset.splits.train!.scenarios).toEqual(train.map(name => (hasBoth(name) ? 'complete' : 'without_label_2')))
  expect([...dataset.splits.train!.presence]).toEqual(train.flatMap(name => [1, Number(hasBoth(name))]))
  const image = await rows(join(options.outputDir, 'val.h5'), 'images')
  const stored = (h: number, w: number, d: number): number => image[(h * 32 + w) * 16 + d]!
  for (const [h, w, d] of [
    [0, 0, 0],
    [3, 7, 11],
    [15, 31, 15],
  ] as const)
    expect(stored(h, w, d)).toBeCloseTo(((((d * 32 + w) * 16 + h) % 100) * 255) / 99, 3)
  expect((await importScans({ ...options, testSplit: 0.2 })).splits).toEqual(report.splits)
})

test('splits are stratified by presence, and all scans of a subject stay together', async () => {
  const options = folders(join(root, 'strata'), 20)
  const { splits } = await importScans({ ...options, validationSplit: 0.2, testSplit: 0.2, seed: 3 })
  const even = ({ subjects }: { subjects: string[] }): number =>
    subjects.filter(name => Number(name.slice(1)) % 2 === 0).length
  expect([splits.train, splits.val, splits.test].map(split => [split.subjects.length, even(split)])).toEqual([
    [12, 6],
    [4, 2],
    [4, 2],
  ])
  const source = { ...options.sources[0]!, subjectPattern: '^s(\\d)' }
  const grouped = await importScans({ ...options, sources: [source] })
  expect(grouped.splits.train).toMatchObject({ subjects: expect.arrayContaining(['1']), scans: expect.any(Number) })
  const both = Object.values(grouped.splits).map(({ subjects }) => subjects)
  expect(both.flat().sort()).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
  expect(Object.values(grouped.splits).reduce((sum, { scans }) => sum + scans, 0)).toBe(20)
  const none = { ...source, subjectPattern: 'x(.)' }
  await expect(importScans({ ...options, sources: [none] })).rejects.toThrow(
    /s0: the subject pattern 'x\(\.\)' does not match/,
  )
  await expect(importScans({ ...options, sources: [{ ...source, subjectPattern: '(' }] })).rejects.toThrow(
    /subject pattern '\('/,
  )
})

test('numbered files of one name are channels, as many for every subject', async () => {
  const options = folders(join(root, 'channels'), 2)
  const { images } = options.sources[0]!
  for (const n of [0, 1]) {
    rmSync(join(images, `s${n}.nii`))
    for (const c of [0, 1])
      writeVolume(join(images, `s${n}_000${c}.nii`), { value: v => (v === n ? 25 : v % 50) * (c + 1) + 10 * c })
  }
  const intensity = [{ channel: '1', rule: { kind: 'window' as const, low: 10, high: 60 } }]
  await importScans({ ...options, intensity })
  expect(await openDataset(options.outputDir)).toMatchObject({ channels: 2, structureNames: ['label_1', 'label_2'] })
  expect(datasetOf(options).preparation.intensity.map(({ kind }: { kind: string }) => kind)).toEqual([
    'percentile',
    'window',
  ])
  expect(datasetOf(options).dataset_info.subjects[0].intensity).toEqual([
    { low: 0, high: 49 },
    { low: 10, high: 60 },
  ])
  const stray = [{ channel: 'PET', rule: { kind: 'zscore' as const, deviations: 4 } }]
  await expect(importScans({ ...options, intensity: stray })).rejects.toThrow(/no channel 'PET', expected 0 to 1/)
  rmSync(join(images, 's0_0001.nii'))
  await expect(importScans(options)).rejects.toThrow(/channels, the first scan/)
  rmSync(join(images, 's0_0000.nii'))
  writeVolume(join(images, 's0_0001.nii'), { value: v => v })
  await expect(importScans(options)).rejects.toThrow(/expected s0_0000, s0_0001, … without a gap/)
})

test('a constant spacing: cropped and padded about the centre, recorded, and said', async () => {
  const options = folders(join(root, 'spacing'), 2)
  const { imageSize: _, ...bare } = options
  const whole = await importScans({ ...bare, spacing: [1, 1, 1] })
  expect([whole.preparation.image_size, whole.cropped.scans]).toEqual([[...SIZE], 0])
  const padded = await importScans({ ...bare, spacing: [2, 1, 1] })
  expect(padded.preparation).toMatchObject({
    image_size: [16, 32, 16],
    frame: { kind: 'spacing', spacing_mm: [2, 1, 1] },
  })
  const image = await rows(join(options.outputDir, 'train.h5'), 'images')
  const columns = Array.from({ length: 16 }, (_, h) => image.subarray(h * 512, (h + 1) * 512).some(value => value > 0))
  expect(columns).toEqual(columns.map((_, h) => h >= 4 && h < 12))
  const cropped = await importScans({ ...bare, spacing: [1, 1, 1], imageSize: [16, 16, 16] })
  expect(cropped.cropped).toEqual({ scans: 2, withLabels: expect.arrayContaining(['s0', 's1']) })
  expect(datasetOf(options).dataset_info.subjects[0]).toMatchObject({
    cropped: true,
    labelled_voxels_cut_off: expect.any(Number),
  })
})

test('patches: half a patch apart, each with its own presence, in the split of their subject', async () => {
  const options = folders(join(root, 'patches'), 3)
  const form = { spacing: [1, 1, 1] as const, imageSize: [16, 16, 16] as ImageSize, patches: true }
  const { splits, presence } = await importScans({ ...options, ...form })
  expect([splits.train.samples, splits.val.samples]).toEqual([6, 3])
  const dataset = await openDataset(options.outputDir)
  expect(dataset).toMatchObject({ patches: true, imageSize: [16, 16, 16] })
  expect(new Set(dataset.splits.train!.subjects).size).toBe(2)
  const masks = await rows(join(options.outputDir, 'train.h5'), 'masks')
  const seen = Array.from({ length: 12 }, (_, i) => Number(masks.subarray(i * 4096, (i + 1) * 4096).includes(1)))
  expect([...dataset.splits.train!.presence]).toEqual(seen)
  expect(presence[0]!.absent).toBe(0) // label 1 fills the first slices, which every patch holds
  const dense = await importScans({ ...options, ...form, patchStride: [4, 4, 4] })
  expect(dense.splits.train.samples).toBe(10)
  await expect(importScans({ ...options, patches: true })).rejects.toThrow(/--patches needs --spacing and --image-size/)
  const far = importScans({ ...options, ...form, patchStride: [8, 17, 8] })
  await expect(far).rejects.toThrow(/^patch stride 8,17,8: expected integers from 1 to the image size 16,16,16$/)
})

test('what does not fit is refused with one line, and no dataset is left', async () => {
  const missing = folders(join(root, 'missing'), 2)
  writeVolume(join(missing.sources[0]!.images, 'extra.nii'), { value: v => v })
  await expect(importScans(missing)).rejects.toThrow(/extra\.nii: no label of that name/)
  const origin = [
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 1, 5],
  ] as [number[], number[], number[]]
  const moved = folders(join(root, 'moved'), 2, { affine: origin })
  await expect(importScans(moved)).rejects.toThrow(/is not aligned with its image/)
  const shape = folders(join(root, 'shape'), 2, { size: [16, 16, 32] })
  await expect(importScans(shape)).rejects.toThrow(
    /has 16×32×16 voxels \(right, anterior, superior\), its image .* has 16×16×32/,
  )
  const flat = folders(join(root, 'flat'), 2, { value: () => 7 })
  await expect(importScans(flat)).rejects.toThrow(/every voxel is 7/)
  const broken = folders(join(root, 'broken'), 2, { value: () => Number.NaN })
  await expect(importScans(broken)).rejects.toThrow(/not finite/)
  const fraction = folders(join(root, 'fraction'), 2)
  writeVolume(join(fraction.sources[0]!.labels!, 's1.nii'), { value: v => (v === 9 ? 1.5 : 1) })
  await expect(importScans(fraction)).rejects.toThrow(/s1\.nii: label 1\.5 is not an integer/)
  const twins = folders(join(root, 'twins'), 1)
  writeVolume(join(twins.sources[0]!.images, 's0.NII'), { value: v => v })
  await expect(importScans(twins)).rejects.toThrow(/has the same name as .*s0/)
  for (const { outputDir } of [missing, moved, shape, flat, broken, fraction, twins])
    expect(existsSync(join(outputDir, 'metadata.json'))).toBe(false)
  await expect(importScans({ ...missing, imageSize: [16, 24, 16] })).rejects.toThrow(/multiple of 16/)
  const [source] = missing.sources
  await expect(importScans({ ...missing, sources: [{ ...source!, labels: headLabels }] })).rejects.toThrow(
    /expected two files or two folders/,
  )
  await expect(
    importScans({ ...flat, sources: [{ ...flat.sources[0]!, structures: [tissues[0]!, tissues[0]!] }] }),
  ).rejects.toThrow(/given twice/)
})

test('scans that cannot be used are left out and listed, if asked for', async () => {
  const options = folders(join(root, 'bad'), 10)
  const { images, labels } = options.sources[0]!
  writeFileSync(join(images, 's1.nii'), 'not a volume')
  writeVolume(join(images, 's2.nii'), { value: () => 7 })
  writeVolume(join(labels!, 's3.nii'), { value: () => 0.5 })
  mkdirSync(join(images, 'extra'))
  await expect(importScans(options)).rejects.toThrow(/extra: no label of that name/)
  const report = await importScans({ ...options, skipBad: true })
  expect(report.skipped.sort()).toEqual([
    expect.stringMatching(/extra: no label/),
    expect.stringMatching(/s1\.nii: is not a NIfTI file/),
    expect.stringMatching(/s2\.nii: every voxel is 7/),
    expect.stringMatching(/s3\.nii: label 0\.5/),
  ])
  const left = [...report.splits.train.subjects, ...report.splits.val.subjects]
  expect([...new Set(left)].sort()).toEqual(['s0', 's4', 's5', 's6', 's7', 's8', 's9'])
  expect(JSON.parse(readFileSync(join(options.outputDir, 'metadata.json'), 'utf8')).dataset_info.subjects).toHaveLength(
    7,
  )
})

test('a split that loses all its scans: no test split, validation with the training scans', async () => {
  const [good, bad] = [folders(join(root, 'good'), 3), folders(join(root, 'lost'), 1, { value: () => 7 })]
  const [train, lost] = [good.sources[0]!, { ...bad.sources[0]!, name: 'lost' }]
  const options = { ...good, sources: [train, { ...lost, split: 'test' as const }], skipBad: true }
  const untested = await importScans(options)
  expect(untested.warnings).toContain('no scan is left for testing: no test split')
  expect(existsSync(join(good.outputDir, 'test.h5'))).toBe(false)
  expect(Object.keys((await openDataset(good.outputDir)).splits)).toEqual(['train', 'val'])
  const shared = await importScans({ ...options, sources: [train, { ...lost, split: 'val' as const }] })
  expect(shared.warnings).toContainEqual(expect.stringMatching(/no subject is left for validation/))
  expect(shared.splits.val.subjects).toEqual(shared.splits.train.subjects)
  expect(shared.skipped).toHaveLength(1)
  expect(shared.presence[0]).toMatchObject({ present: 3, absent: 0 })
  await expect(importScans({ ...bad, skipBad: true })).rejects.toThrow(/no scan is left for training/)
  expect(readdirSync(bad.outputDir)).toEqual([])
})

test('a sample larger than can be read is refused before an earlier dataset is touched', async () => {
  const options = folders(join(root, 'large'), 2)
  await importScans(options)
  await expect(importScans({ ...options, imageSize: [512, 512, 512] })).rejects.toThrow(/512,512,512: .* at most/)
  expect((await openDataset(options.outputDir)).imageSize).toEqual(SIZE)
})

test('a label whose voxels are a little longer than its image’s is cut into the same patches', async () => {
  const options = folders(join(root, 'longer'), 1, { size: [16, 16, 48] })
  const label = (length: number): void =>
    writeVolume(join(options.sources[0]!.labels!, 's0.nii'), {
      size: [16, 16, 48],
      affine: [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, length, 0],
      ],
      type: 2,
      value: v => Number(v < 20 * 256 && v % 256 < 100),
    })
  const patched = { ...options, imageSize: [16, 16, 16] as ImageSize, spacing: [1, 1, 1] as const, patches: true }
  const masks = async (): Promise<Float32Array> => {
    await importScans(patched)
    return rows(join(options.outputDir, 'train.h5'), 'masks')
  }
  label(1)
  const same = await masks()
  expect(same.includes(1)).toBe(true)
  label(1.004)
  expect(await masks()).toEqual(same)
})

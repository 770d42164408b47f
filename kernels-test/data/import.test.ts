import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { type ImageSize, openDataset } from '../../src/data/dataset.ts'
import { Hdf5File } from '../../src/data/hdf5_file.ts'
import { IMPORT_DEFAULTS, type ImportOptions, importNifti } from '../../src/data/import.ts'
import { parseStructures } from '../../src/data/import_names.ts'
import { type NiftiFields, niftiBytes, RAS } from './nifti_bytes.ts'
import { temporaryDirectory } from './small_dataset.ts'

const root = temporaryDirectory()
const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/head/${name}`, import.meta.url))
const headImage = fixture('KmeansTest_T1UCharRaw.nii.gz')
const headLabels = fixture('KmeansTest_T1KmeansPrelimSegmentation.nii.gz')
const tissues = [
  { name: 'csf', value: 4 },
  { name: 'grey', value: 5 },
  { name: 'white', value: 6 },
]

async function rows(path: string, name: string): Promise<Float32Array> {
  const file = await Hdf5File.open(path)
  const dataset = file.dataset(name)
  const values = file.read(dataset, 0, dataset.shape[0]!)
  file.close()
  return Float32Array.from(values)
}

test('the head becomes a dataset: oriented, scaled, its tissues with their shares of the volume', async () => {
  const outputDir = join(root, 'head')
  const imageSize: ImageSize = [64, 32, 64]
  const pair = { images: headImage, labels: headLabels, outputDir, imageSize, structures: tissues }
  const report = await importNifti({ ...IMPORT_DEFAULTS, ...pair })
  expect(report.splits.train).toEqual(report.splits.val)
  expect(report.warnings).toEqual([expect.stringContaining('no subject is left for validation')])
  const dataset = await openDataset(outputDir)
  expect(dataset).toMatchObject({ structureNames: ['csf', 'grey', 'white'], imageSize, channels: 1 })
  expect([...dataset.splits.train!.presence]).toEqual([1, 1, 1])
  const masks = await rows(join(outputDir, 'train.h5'), 'masks')
  const voxels = 64 * 32 * 64
  // Shares of labels 4, 5 and 6 in the label volume itself.
  for (const [s, share] of [0.0237, 0.0562, 0.0465].entries()) {
    const inside = masks.subarray(s * voxels, (s + 1) * voxels).reduce((sum, value) => sum + value, 0)
    expect(Math.abs(inside / voxels - share)).toBeLessThan(0.002)
  }
  const image = await rows(join(outputDir, 'train.h5'), 'images')
  expect(image.reduce((low, value) => Math.min(low, value), 255)).toBe(0)
  expect(image.reduce((high, value) => Math.max(high, value), 0)).toBeGreaterThan(250)
  // White matter is bright in T1, fluid dark.
  const mean = tissues.map((_, s) => meanUnder(image, masks.subarray(s * voxels, (s + 1) * voxels)))
  expect(mean[2]! > mean[1]! && mean[1]! > mean[0]!).toBe(true)
  const { dataset_info: info } = JSON.parse(readFileSync(join(outputDir, 'metadata.json'), 'utf8'))
  expect(info.subjects[0]).toMatchObject({
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

const size = [16, 32, 16] as const
const count = 16 * 32 * 16

/** A folder of images and one of labels, `subjects` of them; every even one lacks label 2. */
function folders(name: string, subjects: number, image: Partial<NiftiFields> = {}): ImportOptions {
  const [images, labels] = ['images', 'labels'].map(kind => join(root, name, kind)) as [string, string]
  mkdirSync(images, { recursive: true })
  mkdirSync(labels)
  for (let n = 0; n < subjects; n++) {
    const values = Float32Array.from({ length: count }, (_, v) => 100 + n + (v % 100))
    const marked = Uint8Array.from({ length: count }, (_, v) => (v < 900 ? 1 : v < 1900 && n % 2 ? 2 : 0))
    const fields = { dims: size, type: 16, values, sform: RAS, ...image } as const
    writeFileSync(join(images, `s${n}.nii`), niftiBytes(fields))
    writeFileSync(join(labels, `s${n}.nii`), niftiBytes({ dims: size, type: 2, values: marked, sform: RAS }))
  }
  return { ...IMPORT_DEFAULTS, images, labels, outputDir: join(root, name, 'out'), imageSize: [...size] }
}

test('folders are paired by name and divided by subject; labels become structures', async () => {
  const options = folders('five', 5)
  const report = await importNifti({ ...options, testSplit: 0.2 })
  expect(report.structureNames).toEqual(['label_1', 'label_2'])
  expect(report.warnings).toEqual([])
  const { train, val, test: held } = report.splits
  expect([train.length, val.length, held.length]).toEqual([3, 1, 1])
  expect([...train, ...val, ...held].sort()).toEqual(['s0', 's1', 's2', 's3', 's4'])
  const dataset = await openDataset(options.outputDir)
  expect(dataset.splits.train!.scenarios).toEqual(train)
  expect([...dataset.splits.train!.presence]).toEqual(train.flatMap(name => [1, Number(name.slice(1)) % 2]))
  const image = await rows(join(options.outputDir, 'val.h5'), 'images')
  const stored = (h: number, w: number, d: number): number => image[(h * 32 + w) * 16 + d]!
  for (const [h, w, d] of [
    [0, 0, 0],
    [3, 7, 11],
    [15, 31, 15],
  ] as const)
    expect(stored(h, w, d)).toBeCloseTo(((((d * 32 + w) * 16 + h) % 100) * 255) / 99, 3)
  expect((await importNifti({ ...options, testSplit: 0.2 })).splits).toEqual(report.splits)
})

test('numbered files of one name are channels, as many for every subject', async () => {
  const options = folders('channels', 2)
  for (const n of [0, 1]) {
    rmSync(join(options.images, `s${n}.nii`))
    for (const c of [0, 1]) {
      const values = Float32Array.from({ length: count }, (_, v) => (v % 50) * (c + 1) + 10 * c)
      const path = join(options.images, `s${n}_000${c}.nii`)
      writeFileSync(path, niftiBytes({ dims: size, type: 16, values, sform: RAS }))
    }
  }
  const report = await importNifti(options)
  expect([...report.splits.train, ...report.splits.val].sort()).toEqual(['s0', 's1'])
  expect(await openDataset(options.outputDir)).toMatchObject({ channels: 2, structureNames: ['label_1', 'label_2'] })
  const { dataset_info: info } = JSON.parse(readFileSync(join(options.outputDir, 'metadata.json'), 'utf8'))
  expect(info.subjects[0].intensity).toEqual([
    { low: 0, high: 49 },
    { low: 10, high: 108 },
  ])
  rmSync(join(options.images, 's0_0001.nii'))
  await expect(importNifti(options)).rejects.toThrow(/channels, the first subject/)
  expect(existsSync(join(options.outputDir, 'metadata.json'))).toBe(false)
})

test('structures take their names from dataset.json, in either form, or from the command line', async () => {
  const options = folders('names', 2)
  const json = join(root, 'names', 'dataset.json')
  for (const labels of [
    { background: 0, liver: 2, spleen: 1 },
    { '0': 'background', '1': 'spleen', '2': 'liver' },
  ]) {
    writeFileSync(json, JSON.stringify({ labels, file_ending: '.nii' }))
    expect((await importNifti(options)).structureNames).toEqual(['spleen', 'liver'])
  }
  writeFileSync(json, JSON.stringify({ labels: { tumour: [1, 2] } }))
  await expect(importNifti(options)).rejects.toThrow(/dataset\.json: labels: expected/)
  writeFileSync(json, '[')
  await expect(importNifti(options)).rejects.toThrow(/dataset\.json: is not JSON/)
  expect(parseStructures('csf=4, grey matter=5')).toEqual([
    { name: 'csf', value: 4 },
    { name: 'grey matter', value: 5 },
  ])
  expect(() => parseStructures('csf=4,grey')).toThrow(/'grey', expected name=value/)
})

test('pairs that do not fit are refused with one line, and no dataset is left', async () => {
  const missing = folders('missing', 2)
  writeFileSync(join(missing.images, 'extra.nii'), niftiBytes({ dims: size, type: 16, values: [], sform: RAS }))
  await expect(importNifti(missing)).rejects.toThrow(/extra\.nii: no label of that name/)
  const moved = folders('moved', 2, { sform: RAS.map((row, r) => row.map((x, c) => (r === 2 && c === 3 ? 5 : x))) })
  await expect(importNifti(moved)).rejects.toThrow(/lies elsewhere than its image/)
  const shape = folders('shape', 2, { dims: [16, 16, 32] })
  await expect(importNifti(shape)).rejects.toThrow(/is 16×32×16, its image .* is 16×16×32/)
  const flat = folders('flat', 2, { values: new Float32Array(count).fill(7) })
  await expect(importNifti(flat)).rejects.toThrow(/every voxel is 7/)
  const broken = folders('broken', 2, { values: new Float32Array(count).fill(Number.NaN) })
  await expect(importNifti(broken)).rejects.toThrow(/not finite/)
  for (const { outputDir } of [missing, moved, shape, flat, broken])
    expect(existsSync(join(outputDir, 'metadata.json'))).toBe(false)
  await expect(importNifti({ ...missing, imageSize: [16, 24, 16] })).rejects.toThrow(/multiple of 16/)
  await expect(importNifti({ ...missing, labels: headLabels })).rejects.toThrow(/expected two files or two folders/)
  const twice = [tissues[0]!, tissues[0]!]
  await expect(importNifti({ ...flat, structures: twice })).rejects.toThrow(/given twice/)
})

import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDataset } from '../../../src/data/dataset/dataset.ts'
import { importScans } from '../../../src/data/import/import.ts'
import { readManifest } from '../../../src/data/import/manifest.ts'
import { parseStructures } from '../../../src/data/import/structures.ts'
import { Frame, orientedGrid } from '../../../src/data/scan/frame.ts'
import { writeNifti } from '../../../src/data/scan/nifti/writer.ts'
import { orientedAffine } from '../../../src/data/scan/orientation.ts'
import { readScan } from '../../../src/data/scan/read_scan.ts'
import type { ImageSize } from '../../../src/util/shape.ts'
import { writeEnhanced, writeSeries } from '../scan/dicom/slices.ts'
import { temporaryDirectory } from '../small_dataset.ts'
import { datasetOf, folders, optionsFor, rows, SIZE, writeVolume } from './input.ts'

const root = temporaryDirectory()
const PLANE = 16 * 32 // voxels of one slice, i and j
const VOXELS = PLANE * 16

/** Labels 1, 2 … in slabs of two slices each, from the bottom, of the values listed. */
const slabs =
  (...labels: number[]) =>
  (v: number): number =>
    labels[Math.floor(v / (2 * PLANE))] ?? 0

function writeJson(folder: string, content: unknown): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'dataset.json'), typeof content === 'string' ? content : JSON.stringify(content))
}

/** subject → presence, from the files */
async function presenceIn(directory: string): Promise<Record<string, number[]>> {
  const { splits, structureNames } = await openDataset(directory)
  const count = structureNames.length
  return Object.fromEntries(
    Object.values(splits).flatMap(({ subjects, presence }) =>
      subjects.map((subject, n) => [subject, [...presence.subarray(n * count, (n + 1) * count)]]),
    ),
  )
}

/** Voxels of each structure in a split's sample. */
async function volumesIn(path: string, sample: number, structures: number): Promise<number[]> {
  const masks = await rows(path, 'masks')
  return Array.from({ length: structures }, (_, s) => {
    const at = (sample * structures + s) * VOXELS
    return masks.subarray(at, at + VOXELS).reduce((sum, value) => sum + value, 0)
  })
}

test('nnU-Net: channels by name, regions as overlapping masks, its root or its imagesTr', async () => {
  const folder = join(root, 'Dataset001_Brain')
  for (const n of [0, 1]) {
    for (const c of [0, 1])
      writeVolume(join(folder, 'imagesTr', `case_${n}_000${c}.nii`), { value: v => (v === n ? 0 : v % 100) - 50 + c })
    writeVolume(join(folder, 'labelsTr', `case_${n}.nii`), { type: 2, value: slabs(1, 2, n === 0 ? 3 : 0) })
  }
  writeVolume(join(folder, 'imagesTs', 'case_9_0000.nii'), { value: v => v })
  const labels = { background: 0, whole: [1, 2, 3], core: [2, 3], enhancing: 3 }
  writeJson(folder, { channel_names: { 0: 'CT', 1: 'PET' }, labels, file_ending: '.nii', numTraining: 2 })
  const options = optionsFor(join(root, 'brain'), { images: folder }, { imageSize: SIZE })
  const report = await importScans(options)
  expect(report.structureNames).toEqual(['whole', 'core', 'enhancing'])
  expect(report.warnings).toEqual([expect.stringMatching(/imagesTs: 1 files without labels are not imported/)])
  expect(await presenceIn(options.outputDir)).toEqual({ case_0: [1, 1, 1], case_1: [1, 1, 0] })
  const first = report.splits.train.subjects[0] === 'case_0' ? 'train' : 'val'
  expect(await volumesIn(join(options.outputDir, `${first}.h5`), 0, 3)).toEqual([6, 4, 2].map(slices => slices * PLANE))
  // CT: a window by the labelled voxels; any other channel by percentiles of the scan
  const [ct, pet] = report.preparation.intensity
  expect(ct).toMatchObject({ kind: 'window', low: expect.any(Number), high: expect.any(Number) })
  expect([(ct as { low: number }).low, (ct as { high: number }).high]).toEqual([-50, 49])
  expect(pet).toEqual({ kind: 'percentile', low: 0.5, high: 99.5 })
  const inner = await importScans({ ...options, sources: [{ images: join(folder, 'imagesTr') }] })
  expect(inner).toEqual(report)
  const given = [{ channel: 'CT', rule: { kind: 'zscore' as const, deviations: 4 } }]
  expect((await importScans({ ...options, intensity: given })).preparation.intensity[0]!.kind).toBe('zscore')
  await expect(importScans({ ...options, sources: [{ images: join(folder, 'imagesTs') }] })).rejects.toThrow(
    /imagesTs: has no labels/,
  )
  writeJson(folder, { channel_names: { 0: 'CT' }, labels })
  await expect(importScans(options)).rejects.toThrow(/2 channels, its dataset\.json names 1 \(CT\)/)
})

test('Medical Segmentation Decathlon: listed files, four axes are channels; nothing outside the dataset', async () => {
  const folder = join(root, 'Task01')
  const training = ['BRATS_1', 'BRATS_2'].map(name => ({
    image: `./imagesTr/${name}.nii`,
    label: `./labelsTr/${name}.nii`,
  }))
  for (const { image, label } of training) {
    writeVolume(join(folder, image), {
      channels: 2,
      value: v => (v === image.length ? 7 : v % (70 + Number(image.at(-5)))),
    })
    writeVolume(join(folder, label), { type: 2, value: slabs(1, 2) })
  }
  const json = {
    modality: { 0: 'FLAIR', 1: 'T1w' },
    labels: { 0: 'background', 1: 'edema', 2: 'tumour' },
    training,
    test: ['./imagesTs/BRATS_9.nii'],
  }
  writeJson(folder, json)
  const options = optionsFor(join(root, 'decathlon'), { images: folder }, { imageSize: SIZE })
  expect(await importScans(options)).toMatchObject({
    structureNames: ['edema', 'tumour'],
    warnings: [expect.stringMatching(/dataset\.json: test lists 1 scans without labels, which are not imported$/)],
  })
  expect(await openDataset(options.outputDir)).toMatchObject({ channels: 2 })
  for (const image of ['../Task02/imagesTr/x.nii', '/etc/x.nii', './imagesTr/../../x.nii']) {
    writeJson(folder, { ...json, training: [{ ...training[0], image }] })
    await expect(importScans(options)).rejects.toThrow(/dataset\.json: '.*x\.nii' leads outside the dataset/)
  }
  // nnU-Net 1 lists a case, its files have numbers
  for (const c of [0, 1]) writeVolume(join(folder, 'imagesTr', `a_000${c}.nii`), { value: v => v % 77 })
  writeVolume(join(folder, 'labelsTr', 'a.nii'), { type: 2, value: slabs(1) })
  writeJson(folder, { ...json, training: [{ image: 'imagesTr/a.nii', label: 'labelsTr/a.nii' }] })
  expect((await importScans(options)).presence.map(({ present }) => present)).toEqual([1, 0])
  writeJson(folder, { ...json, training: [training[0], training[0]] })
  await expect(importScans(options)).rejects.toThrow(/has the name 'BRATS_1' like/)
  writeJson(folder, { ...json, file_ending: '.png' })
  await expect(importScans(options)).rejects.toThrow(/file_ending is \.png, expected \.nii, \.nii\.gz, \.nrrd/)
  writeJson(folder, { ...json, labels: { tumour: 'two' } })
  await expect(importScans(options)).rejects.toThrow(/dataset\.json: labels: expected \{"name": value/)
  writeJson(folder, '[')
  await expect(importScans(options)).rejects.toThrow(/dataset\.json:1:2: found the end, expected a JSON value/)
})

test('structures take their names from a dataset.json beside the images, in either form, or from the command line', async () => {
  const options = folders(join(root, 'names'), 2)
  for (const labels of [
    { background: 0, liver: 2, spleen: 1 },
    { '0': 'background', '1': 'spleen', '2': 'liver' },
  ]) {
    writeJson(join(root, 'names'), { labels, file_ending: '.nii' })
    expect((await importScans(options)).structureNames).toEqual(['spleen', 'liver'])
  }
  expect(parseStructures('csf=4, grey matter=5+6,liver')).toEqual([
    { name: 'csf', marks: [4] },
    { name: 'grey matter', marks: [5, 6] },
    { name: 'liver', marks: ['liver'] },
  ])
  for (const wrong of ['csf=4,=5', 'csf=0', 'csf=4=5', 'csf=4+', ''])
    expect(() => parseStructures(wrong)).toThrow(/expected name=value/)
  const source = { ...options.sources[0]!, structures: parseStructures('spleen=1,liver') }
  await expect(importScans({ ...options, sources: [source] })).rejects.toThrow(/'liver' is marked by 'liver', but .*s0/)
})

test('a folder of masks a subject: they may overlap, and a missing file is no absence', async () => {
  const images = join(root, 'masks', 'images')
  const labels = join(root, 'masks', 'labels')
  for (const n of [1, 2, 3]) writeVolume(join(images, `p${n}.nii`), { value: v => v % (60 + n) })
  const mask = (n: number, name: string, value: (v: number) => number): void =>
    writeVolume(join(labels, `p${n}`, `${name}.nii`), { type: 2, value })
  for (const n of [1, 2, 3]) mask(n, 'body', () => 255)
  mask(1, 'kidney_left', slabs(1))
  mask(1, 'kidney_right', slabs(0, 1))
  mask(2, 'kidney_left', () => 0)
  mask(2, 'kidney_right', slabs(1))
  mask(3, 'kidney_left', slabs(1))
  const options = optionsFor(join(root, 'masks', 'out'), { images, labels }, { imageSize: SIZE })
  expect((await importScans(options)).structureNames).toEqual(['body', 'kidney_left', 'kidney_right'])
  expect(await presenceIn(options.outputDir)).toEqual({ p1: [1, 1, 1], p2: [1, 0, 1], p3: [1, 1, -1] })
  const chosen = parseStructures('body,kidneys=kidney_left+kidney_right')
  const report = await importScans({ ...options, sources: [{ images, labels, structures: chosen }] })
  expect(report.presence.map(({ present, absent, unknown }) => [present, absent, unknown])).toEqual([
    [3, 0, 0],
    [2, 0, 1],
  ])
  // of the third only one kidney was drawn: nothing is known of "kidneys"
  expect(await presenceIn(options.outputDir)).toEqual({ p1: [1, 1], p2: [1, 1], p3: [1, -1] })
  const one = await importScans({
    ...options,
    sources: [{ images: join(images, 'p1.nii'), labels: join(labels, 'p1'), structures: chosen }],
  })
  expect(one.presence.map(({ present }) => present)).toEqual([1, 1])
  await expect(
    importScans({ ...options, sources: [{ images, labels, structures: parseStructures('spleen') }] }),
  ).rejects.toThrow(/'spleen': neither .* nor any other label folder has a file spleen/)
  mask(3, 'kidney_left', slabs(1, 2))
  await expect(importScans(options)).rejects.toThrow(/kidney_left\.nii: holds the labels 1, 2, expected a mask of one/)
})

test('a DICOM series a subject, its labels as NIfTI on the same voxels', async () => {
  const images = join(root, 'dicom', 'images')
  const labels = join(root, 'dicom', 'labels')
  writeSeries(join(images, 'a'))
  // of another subject, who has another image
  writeSeries(join(images, 'b'), { changes: k => (k === 0 ? { 2625618: ['DS', '9'] } : {}) })
  const grid = readScan(join(images, 'a'))
  expect([grid.size, orientedGrid(grid).spacing]).toEqual([
    [4, 3, 5],
    [0.5, 2, 3],
  ])
  // to right, front and top, whatever order the series has
  const affine = orientedAffine(grid)
  const size: ImageSize = [4, 3, 5]
  for (const name of ['a', 'b'])
    writeVolume(join(labels, `${name}.nii`), { size, affine, type: 2, value: v => Number(v < 12) })
  const form = { imageSize: [16, 16, 16] as ImageSize, spacing: [0.5, 2, 3] as const }
  const options = {
    ...optionsFor(join(root, 'dicom', 'out'), { images, labels }, form),
    intensity: [{ rule: { kind: 'window' as const, low: -130, high: 380 } }],
  }
  expect((await importScans(options)).splits).toMatchObject({ train: { samples: 1 }, val: { samples: 1 } })
  const image = await rows(join(options.outputDir, 'train.h5'), 'images')
  const masks = await rows(join(options.outputDir, 'train.h5'), 'masks')
  const lying = new Frame(grid, { kind: 'spacing', spacing_mm: [0.5, 2, 3] }, [16, 16, 16])
  const values = lying.imageToScan(image)
  for (const [v, value] of grid.values.entries()) expect(values[v]! * 2 - 130).toBeCloseTo(value, 3)
  // the lowest slice, and no other
  const labelled = lying.imageToScan(masks)
  for (let v = 0; v < 60; v++) expect(labelled[v]).toBe(Number(v % 5 === 0))
  const one = { images: join(images, 'a'), labels: join(labels, 'a.nii') }
  expect((await importScans({ ...options, sources: [one] })).splits.train.subjects).toEqual(['a'])
  writeVolume(join(labels, 'b.nii'), { size: [4, 3, 4], affine, type: 2, value: () => 1 })
  await expect(importScans(options)).rejects.toThrow(/b\.nii: has 4×3×4 .* its image .*b has 4×3×5/)
})

test('one scan may be an enhanced DICOM image in one file', async () => {
  const images = writeEnhanced(join(root, 'enhanced.dcm'))
  const labels = join(root, 'enhanced.nii.gz')
  const scan = readScan(images)
  const marked = Uint8Array.from(scan.values, (_, v) => Number(v === 7))
  writeNifti(labels, marked, scan)
  const options = optionsFor(join(root, 'enhanced'), { images, labels }, { imageSize: [16, 16, 16] })
  expect((await importScans(options)).splits.train.subjects).toEqual(['enhanced'])
  const masks = await rows(join(options.outputDir, 'train.h5'), 'masks')
  const back = new Frame(scan, { kind: 'field_of_view' }, [16, 16, 16]).imageToScan(masks)
  expect(back.indexOf(Math.max(...back))).toBe(7)
})

test('scans that cannot be read have no part in the window of CT', async () => {
  const folder = join(root, 'window')
  const image = (n: number): string => join(folder, 'imagesTr', `case_${n}_0000.nii`)
  for (const n of [0, 1, 2, 3]) {
    writeVolume(image(n), { value: v => (n === 1 && v === 3 ? Number.NaN : v === n ? 0 : (v % 100) - 50) })
    writeVolume(join(folder, 'labelsTr', `case_${n}.nii`), { type: 2, value: slabs(1) })
  }
  truncateSync(image(2), 1000)
  writeJson(folder, { channel_names: { 0: 'CT' }, labels: { background: 0, a: 1 }, file_ending: '.nii' })
  const options = optionsFor(join(root, 'window', 'out'), { images: folder }, { imageSize: SIZE })
  const report = await importScans({ ...options, skipBad: true })
  expect(report.preparation.intensity).toEqual([{ kind: 'window', low: -50, high: 49 }])
  expect([...report.skipped].sort()).toEqual([
    expect.stringMatching(/case_1_0000\.nii: has voxels that are not finite/),
    expect.stringMatching(/case_2_0000\.nii: holds 1000 bytes/),
  ])
  await expect(importScans(options)).rejects.toThrow(/case_[12]_0000\.nii: h/)
})

test('what a source did not annotate is unknown, never absent', async () => {
  const options = folders(join(root, 'annotated'), 4)
  const source = options.sources[0]!
  const structures = parseStructures('a=1,b=2,c=3')
  await importScans({ ...options, sources: [{ ...source, structures, annotated: ['a', 'b'] }] })
  expect(await presenceIn(options.outputDir)).toEqual({
    s0: [1, 0, -1],
    s1: [1, 1, -1],
    s2: [1, 0, -1],
    s3: [1, 1, -1],
  })
  const { splits } = await openDataset(options.outputDir)
  expect(splits.train!.scenarios.every(word => word === 'complete' || word === 'without_b')).toBe(true)
  const wrong = { ...source, structures, annotated: ['a', 'bb'] }
  await expect(importScans({ ...options, sources: [wrong] })).rejects.toThrow(/annotated names 'bb', expected 'b'/)
  const single = { ...source, structures, notAnnotated: { s1: ['b'], s2: ['a', 'b', 'c'] } }
  const report = await importScans({ ...options, sources: [single] })
  expect(report.warnings).toContain('s2: left out, because none of its structures is annotated')
  expect(await presenceIn(options.outputDir)).toEqual({ s0: [1, 0, 0], s1: [1, -1, 0], s3: [1, 1, 0] })
})

test('ignored voxels make a scan unknown, or only the patches that hold them', async () => {
  const folder = join(root, 'ignore')
  for (const n of [0, 1, 2]) {
    writeVolume(join(folder, 'imagesTr', `c${n}_0000.nii`), { size: [16, 16, 32], value: v => v % (97 + n) })
    const label = n === 0 ? slabs(1, 0, 0, 0, 0, 0, 0, 2) : slabs(1)
    writeVolume(join(folder, 'labelsTr', `c${n}.nii`), { size: [16, 16, 32], type: 2, value: v => label(v) })
  }
  writeJson(folder, { channel_names: { 0: 'MR' }, labels: { background: 0, a: 1, ignore: 2 }, file_ending: '.nii' })
  const options = optionsFor(join(root, 'ignored'), { images: folder }, { imageSize: [16, 16, 32] })
  const report = await importScans(options)
  expect(report.structureNames).toEqual(['a'])
  expect(report.warnings).toEqual(['c0: left out, because it has ignored voxels'])
  expect(Object.keys(await presenceIn(options.outputDir)).sort()).toEqual(['c1', 'c2'])
  const patches = await importScans({ ...options, imageSize: [16, 16, 16], spacing: [1, 1, 1], patches: true })
  const { subjects } = datasetOf(options).dataset_info
  const samples = Object.fromEntries(
    subjects.map(({ name, samples }: { name: string; samples: number }) => [name, samples]),
  )
  expect(samples).toEqual({ c0: 2, c1: 3, c2: 3 })
  expect(patches.presence[0]).toMatchObject({ unknown: 0 })
})

test('a manifest brings sources of different structures into one dataset', async () => {
  const folder = join(root, 'manifest')
  folders(join(folder, 'first'), 3)
  folders(join(folder, 'second'), 3, { value: v => v % 93 })
  const path = join(folder, 'sources.json')
  const write = (content: unknown): void => writeFileSync(path, JSON.stringify(content))
  const first = { images: 'first/images', labels: 'first/labels', structures: { spleen: 1, liver: 2 } }
  const second = { images: 'second/images', labels: 'second/labels', structures: { organs: [1, 2], liver: 2 } }
  const options = { ...optionsFor(join(folder, 'out'), { images: '' }, { imageSize: SIZE }) }
  write({ sources: [first, second] })
  await expect(importScans({ ...options, ...readManifest(path) })).rejects.toThrow(/has the name 's0' like/)
  write({
    structures: ['liver', 'spleen', 'organs'],
    sources: [first, { ...second, name: 'B', split: 'test', not_annotated: { s1: ['liver'] } }],
  })
  const report = await importScans({ ...options, ...readManifest(path) })
  expect(report.splits.test.subjects).toEqual(['B/s0', 'B/s1', 'B/s2'])
  expect(await presenceIn(options.outputDir)).toEqual({
    s0: [0, 1, -1],
    s1: [1, 1, -1],
    s2: [0, 1, -1],
    'B/s0': [0, -1, 1],
    'B/s1': [-1, -1, 1],
    'B/s2': [0, -1, 1],
  })
  expect(datasetOf(options).dataset_info.sources[1]).toMatchObject({ structures: { organs: [1, 2], liver: [2] } })
  write({ sources: [{ ...first, structure: {} }] })
  expect(() => readManifest(path)).toThrow(/sources\.json: sources\.0: .*structure/)
  write({ sources: [{ ...first, structures: { spleen: 0 } }] })
  expect(() => readManifest(path)).toThrow(/sources\.0\.structures\.spleen/)
  writeFileSync(path, '{')
  expect(() => readManifest(path)).toThrow(/sources\.json:1:2: found the end, expected a key in double quotes/)
  expect(() => readManifest(join(folder, 'nowhere.json'))).toThrow(/nowhere\.json: cannot be read/)
})

test('a label stored with other axes than its image belongs to it all the same', async () => {
  const options = folders(join(root, 'turned'), 1)
  const { labels } = options.sources[0]!
  // i to the left: the same voxels in reverse order along i
  const flipped = [
    [-1, 0, 0, 15],
    [0, 1, 0, 0],
    [0, 0, 1, 0],
  ]
  await importScans(options)
  const straight = await volumesIn(join(options.outputDir, 'train.h5'), 0, 1)
  writeVolume(join(labels!, 's0.nii'), {
    type: 2,
    affine: flipped,
    value: v => Number(v - (v % 16) + 15 - (v % 16) < 900),
  })
  await importScans(options)
  expect(await volumesIn(join(options.outputDir, 'train.h5'), 0, 1)).toEqual(straight)
})

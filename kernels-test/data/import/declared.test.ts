import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDataset } from '../../../src/data/dataset/dataset.ts'
import { importScans } from '../../../src/data/import/import.ts'
import type { ImportOptions } from '../../../src/data/import/import_options.ts'
import { parseStructures } from '../../../src/data/import/structures.ts'
import { temporaryDirectory } from '../small_dataset.ts'
import { imageOf, optionsFor, SIZE, writeVolume } from './input.ts'

const root = temporaryDirectory()
const LABELS = { background: 0, a: 1, b: 2 }

/** nnU-Net's folder of `count` cases that hold the labels 1 and 2, and its dataset.json. */
function nnunet(name: string, count: number, json: Record<string, unknown> = {}): ImportOptions {
  const folder = join(root, name)
  for (let n = 0; n < count; n++) {
    writeVolume(join(folder, 'imagesTr', `c${n}_0000.nii`), { value: imageOf(n) })
    writeVolume(join(folder, 'labelsTr', `c${n}.nii`), { type: 2, value: v => (v < 900 ? 1 : v < 1800 ? 2 : 0) })
  }
  declare(name, json)
  return optionsFor(join(folder, 'out'), { images: folder }, { imageSize: SIZE })
}

function declare(name: string, json: Record<string, unknown>): void {
  writeFileSync(
    join(root, name, 'dataset.json'),
    `\uFEFF${JSON.stringify({ channel_names: { 0: 'MR' }, labels: LABELS, file_ending: '.nii', ...json })}`,
  )
}

const warningsOf = async (options: ImportOptions): Promise<string[]> => (await importScans(options)).warnings
const refused = (options: ImportOptions): Promise<string> =>
  importScans(options).then(
    () => 'accepted',
    (error: Error) => error.message,
  )

test('numbers of subjects that the folder does not hold are said, those that it holds are not', async () => {
  const options = nnunet('counts', 4, { numTraining: 40, numTest: 3 })
  const [training, held] = [
    /dataset\.json: numTraining is 40, 4 labelled subjects are there$/,
    /numTest is 3, imagesTs/,
  ]
  expect(await warningsOf(options)).toEqual([expect.stringMatching(training), expect.stringMatching(held)])
  const inner = { ...options, sources: [{ images: join(root, 'counts', 'imagesTr') }] }
  expect(await warningsOf(inner)).toHaveLength(2)
  const given = { images: join(root, 'counts'), labels: join(root, 'counts', 'labelsTr') }
  expect(await warningsOf({ ...options, sources: [given] })).toHaveLength(2)
  declare('counts', { numTraining: 4, numTest: 0 })
  expect(await warningsOf(options)).toEqual([])
  for (const n of [0, 1]) writeVolume(join(root, 'counts', 'imagesTs', `t${n}_0000.nii`), { value: imageOf(9 + n) })
  writeVolume(join(root, 'counts', 'labelsTs', 't0.nii'), { value: () => 1 })
  declare('counts', { numTraining: 4, numTest: 2 })
  expect(await warningsOf(options)).toEqual([
    expect.stringMatching(
      /imagesTs: 2 files are not imported; a --manifest can list them, with labelsTs, as a source$/,
    ),
  ])
})

test('every list of subjects is used or said: validation and test with labels are splits', async () => {
  const entry = (n: number) => ({ image: `imagesTr/c${n}_0000.nii`, label: `labelsTr/c${n}.nii` })
  const lists = {
    training: [0, 1, 2].map(entry),
    validation: [entry(3)],
    test: [entry(4), 'imagesTs/x.nii'],
    testing: [{ image: ['imagesTs/y_0000.nii', 'imagesTs/y_0001.nii'] }],
  }
  const options = nnunet('lists', 7, { ...lists, numTraining: 3 })
  const report = await importScans({ ...options, validationSplit: 0.5 })
  expect(report.splits).toMatchObject({ val: { subjects: ['c3'] }, test: { subjects: ['c4'] } })
  expect([...report.splits.train.subjects].sort()).toEqual(['c0', 'c1', 'c2'])
  expect(report.warnings).toEqual([
    expect.stringMatching(
      /imagesTr: 2 files are not listed in dataset\.json and not imported: c5_0000\.nii, c6_0000\.nii$/,
    ),
    expect.stringMatching(/labelsTr: 2 files are not listed in dataset\.json and not imported: c5\.nii, c6\.nii$/),
    expect.stringMatching(/dataset\.json: test lists 1 scans without labels, which are not imported$/),
    expect.stringMatching(/dataset\.json: testing lists 2 scans without labels, which are not imported$/),
  ])
  declare('lists', { ...lists, validation: [entry(0)] })
  expect(await refused(options)).toMatch(/has the name 'c0' like/)
  declare('lists', { ...lists, validation: 'later' })
  expect(await refused(options)).toMatch(/dataset\.json: validation: expected \[\{"image": path, "label": path\}\]$/)
})

test('names that objects have of themselves are names like others; __proto__ is refused', async () => {
  const labels = { background: 0, constructor: 1, toString: 2 }
  const options = nnunet('names', 2, { labels })
  rmSync(join(root, 'names', 'imagesTr', 'c1_0000.nii'))
  writeVolume(join(root, 'names', 'imagesTr', 'constructor_0000.nii'), { value: imageOf(1) })
  rmSync(join(root, 'names', 'labelsTr', 'c1.nii'))
  writeVolume(join(root, 'names', 'labelsTr', 'constructor.nii'), { value: v => (v < 900 ? 1 : v < 1800 ? 2 : 0) })
  expect((await importScans(options)).structureNames).toEqual(['constructor', 'toString'])
  expect([...(await openDataset(options.outputDir)).splits.train!.presence]).toEqual([1, 1])
  writeFileSync(join(root, 'names', 'dataset.json'), '{"labels": {"background": 0, "a": 1, "__proto__": 2}}')
  expect(await refused(options)).toMatch(/dataset\.json: has the key "__proto__", expected another name$/)
  rmSync(join(root, 'names', 'dataset.json'))
  const source = { images: join(root, 'names', 'imagesTr'), labels: join(root, 'names', 'labelsTr') }
  const listed = { ...options, sources: [{ ...source, structures: parseStructures('a=1,__proto__=2') }] }
  expect(await refused(listed)).toMatch(/^structures: '__proto__' cannot be the name of a structure/)
})

test('channels that are named in another way than they are there are refused', async () => {
  const options = nnunet('channels', 2)
  declare('channels', { channel_names: { 0: 'T1', 2: 'T2' } })
  expect(await refused(options)).toMatch(/channel_names has the keys 0, 2, expected "0", "1", … without a gap$/)
  declare('channels', { channel_names: { 0: 'T1', 1: 'T2' } })
  expect(await refused(options)).toMatch(/1 channels, its dataset\.json names 2 \(T1, T2\)$/)
  const other = nnunet('others', 2, { channel_names: { 0: 'CT' } })
  declare('channels', {})
  const sources = [
    { ...options.sources[0]!, name: 'A' },
    { ...other.sources[0]!, name: 'B' },
  ]
  expect(await refused({ ...options, sources })).toMatch(
    /others: its dataset\.json names the channels CT, that of .*channels MR; expected the same channels in the same order$/,
  )
  const zscore = { kind: 'zscore', deviations: 4 } as const
  for (const channels of [
    [{}, {}],
    [{ channel: '0' }, { channel: 'MR' }],
  ]) {
    const intensity = channels.map(channel => ({ ...channel, rule: zscore }))
    expect(await refused({ ...options, intensity })).toMatch(/^2 intensity rules for .*, expected one of window,/)
  }
})

test('labels that no structure takes: the background under another name, ignore with several values', async () => {
  const options = nnunet('zero', 2, { labels: { liver: 0, a: 1, whole: [0, 1, 2], b: 2 } })
  expect(await warningsOf(options)).toEqual([
    expect.stringMatching(/label 0 counts as background, which is no structure and no part of 'liver'$/),
    expect.stringMatching(/label 0 counts as background, which is no structure and no part of 'whole'$/),
  ])
  declare('zero', { labels: { ...LABELS, ignore: [3, 4] } })
  expect(await refused(options)).toMatch(/dataset\.json: labels: ignore is \[3, 4\], expected one value$/)
})

test('TotalSegmentator: a folder per subject, with the scan and a folder of masks', async () => {
  const folder = join(root, 'total')
  for (const n of [0, 1]) {
    // 99 labelled voxels of 0 to 98 HU above air
    writeVolume(join(folder, `s000${n}`, 'ct.nii.gz'), { value: v => (v < 99 ? v : v === 1200 + n ? 1 : -1000) })
    for (const [k, name] of ['liver', 'spleen'].entries())
      writeVolume(join(folder, `s000${n}`, 'segmentations', `${name}.nii.gz`), {
        type: 2,
        value: v => Number(n + k < 2 && v < 99),
      })
  }
  writeFileSync(join(folder, 'meta.csv'), 'image_id;split')
  mkdirSync(join(folder, 'empty'))
  const options = optionsFor(join(root, 'total-out'), { images: folder }, { imageSize: SIZE })
  const { presence, warnings, splits, channelNames, preparation } = await importScans(options)
  expect(channelNames).toEqual(['CT'])
  expect(preparation.intensity).toEqual([{ kind: 'window', low: 0, high: 98 }])
  expect(presence.map(({ name, present, absent }) => [name, present, absent])).toEqual([
    ['liver', 2, 0],
    ['spleen', 1, 1],
  ])
  expect([...splits.train.subjects, ...splits.val.subjects].sort()).toEqual(['s0000', 's0001'])
  expect(warnings).toEqual([
    expect.stringMatching(/total: 2 entries are no subjects and are not imported: empty, meta\.csv$/),
  ])
  expect(await refused({ ...options, sources: [{ images: folder, labels: folder }] })).toMatch(
    /total: its subjects have their masks in segmentations\/, expected no --labels$/,
  )
})

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Hdf5File } from '../../src/data/hdf5/file.ts'
import { Hdf5Writer } from '../../src/data/hdf5/writer.ts'
import type { Affine } from '../../src/data/scan/grid.ts'
import { writeNifti } from '../../src/data/scan/nifti/writer.ts'
import { DeviceLostError } from '../../src/gpu/device.ts'
import { BadSubjects } from '../../src/predict/bad_subjects.ts'
import type { Prediction } from '../../src/predict/predict.ts'
import { InputError } from '../../src/util/error.ts'
import { type ImageSize, sizeOf } from '../../src/util/shape.ts'
import { WriteError } from '../../src/util/whole_file.ts'
import { run } from '../cli/command.ts'
import { writeSeries } from '../data/scan/dicom/slices.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { writeOverflowing } from './overflowing_model.ts'
import { writeSmallModel } from './small_model.ts'

const root = temporaryDirectory()
const SIZE: ImageSize = [16, 16, 16]
const names = ['anterior', 'posterior']
const IDENTITY: Affine = [
  [2, 0, 0, 0],
  [0, 2, 0, 0],
  [0, 0, 3, 0],
]
const weights = join(root, 'model.pth')
writeSmallModel(weights, names, { size: SIZE, inChannels: 1 })

const valuesOf = (seed: number): Float32Array =>
  Float32Array.from({ length: sizeOf(SIZE) }, (_, v) => (v * 7 + seed * 31 + (v >> 5) * seed) % 251)

/** The case of a folder whose second scan is cut off. */
function folderOf(name: string, ...scans: string[]): string {
  const folder = join(root, name)
  mkdirSync(folder, { recursive: true })
  for (const [i, scan] of scans.entries())
    writeNifti(join(folder, `${scan}.nii.gz`), valuesOf(i), { size: SIZE, affine: IDENTITY })
  return folder
}

function cut(path: string): void {
  truncateSync(path, Math.floor(readFileSync(path).length / 2))
}

async function predicted(input: string[], output: string, ...more: string[]) {
  const adapter = process.env.SADAAN_ADAPTER === undefined ? [] : [`compute.adapter='${process.env.SADAAN_ADAPTER}'`]
  const inputs = input.flatMap(path => ['--input', path])
  const given = more.includes('--weights') ? [] : ['--weights', weights]
  const words = [...given, ...inputs, '--output', output, ...more]
  const set = ['with', 'training.batch_size=2', 'model.presence_threshold=0.2', ...adapter]
  const { code, stdout, stderr } = await run(['predict', ...words, ...set], root)
  return { code, stdout, lines: stderr.trimEnd().split('\n') }
}

const rows = (output: string): string[][] =>
  readFileSync(join(root, output, 'presence.csv'), 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1)
    .map(line => line.split(','))

test('one bad scan of a folder: the others are predicted, it is listed, exit 1, with --skip-bad 0', async () => {
  const folder = folderOf('one_bad_scan', 'a', 'b', 'c')
  cut(join(folder, 'b.nii.gz'))
  const { code, lines } = await predicted(['one_bad_scan'], 'out')
  expect(code).toBe(1)
  expect(lines.filter(line => line.startsWith('not predicted'))).toStrictEqual([
    expect.stringMatching(/^not predicted: one_bad_scan\/b\.nii\.gz: /),
  ])
  expect(lines.at(-1)).toBe('1 of 3 could not be predicted')
  expect(readdirSync(join(root, 'out'))).toStrictEqual(expect.arrayContaining(['a', 'c', 'presence.csv']))
  expect(existsSync(join(root, 'out/b'))).toBe(false)
  expect(rows('out').map(([sample, structure]) => `${sample} ${structure}`)).toStrictEqual([
    '0 anterior',
    '0 posterior',
    '2 anterior',
    '2 posterior',
  ])
  const record = JSON.parse(readFileSync(join(root, 'out/presence.json'), 'utf8'))
  expect(record.samples.map((each: { scan: string }) => each.scan)).toStrictEqual(['a', 'c'])
  expect(record.failed).toStrictEqual([
    { sample: 1, scan: 'b', reason: expect.stringContaining('one_bad_scan/b.nii.gz') },
  ])

  const skipped = await predicted(['one_bad_scan'], 'out', '--skip-bad', '--json')
  expect(skipped.code).toBe(0)
  const { failed, samples } = JSON.parse(skipped.stdout) as Prediction
  expect([samples, failed]).toStrictEqual([2, record.failed])

  // the results of the good scans are those that they have alone
  folderOf('two', 'a')
  cpSync(join(folder, 'c.nii.gz'), join(root, 'two/c.nii.gz'))
  expect((await predicted(['two'], 'alone')).code).toBe(0)
  for (const file of ['a/labels.nii.gz', 'c/labels.nii.gz'])
    expect(readFileSync(join(root, 'out', file)).equals(readFileSync(join(root, 'alone', file))), file).toBe(true)
})

test('many bad scans: up to ten lines, then how many; none left: nothing is written, exit 2', async () => {
  const scans = Array.from({ length: 13 }, (_, i) => `s${String(i).padStart(2, '0')}`)
  const folder = folderOf('many', ...scans)
  for (const scan of scans.slice(1)) writeFileSync(join(folder, `${scan}.nii.gz`), 'no scan')
  const { code, lines } = await predicted(['many'], 'many out')
  expect(code).toBe(1)
  const listed = lines.filter(line => line.startsWith('not predicted: '))
  expect(listed).toHaveLength(11)
  expect(listed.at(-1)).toBe('not predicted: 2 more, all listed in presence.json')
  expect(lines.at(-1)).toBe('12 of 13 could not be predicted')

  const none = await predicted(['many/s01.nii.gz', 'many/s02.nii.gz'], 'none out')
  expect(none.code).toBe(2)
  expect(none.lines.at(-1)).toMatch(/^sadaan-gpu: many\/s01\.nii\.gz: .*\(1 more inputs cannot be predicted either\)$/)
  expect(existsSync(join(root, 'none out'))).toBe(false)
  const one = await predicted(['many/s01.nii.gz'], 'none out')
  expect(one.code).toBe(2)
  expect(existsSync(join(root, 'none out'))).toBe(false)
})

test('a series that lacks a slice, and a subject that lacks a channel, are bad scans like any other', async () => {
  for (const name of ['good', 'torn']) writeSeries(join(root, 'series', name))
  cut(join(root, 'series/torn/IM1'))
  const { code, lines } = await predicted(['series'], 'series out')
  expect(code).toBe(1)
  expect(lines).toContainEqual(expect.stringMatching(/^not predicted: series\/torn.*: /))
  expect(readdirSync(join(root, 'series out/good'))).toContain('masks.dcm')

  const two = join(root, 'two channels.pth')
  writeSmallModel(two, names, { size: SIZE, inChannels: 2 })
  folderOf('channels', 'a_0000', 'a_0001', 'b_0000', 'b_0002', 'c_0000', 'c_0001', 'c_0002', 'd')
  const found = await predicted(['channels'], 'channels out', '--weights', two)
  expect(found.code).toBe(1)
  expect(found.lines.filter(line => line.startsWith('not predicted'))).toStrictEqual([
    'not predicted: channels/b_0002.nii.gz: channel 2, expected channel 1 (_0001)',
    'not predicted: channels/c_0000.nii.gz: c has 3 channel files, the model reads 2 channels',
    expect.stringMatching(/^not predicted: channels\/d\.nii\.gz: has 1 channels, .* expects 2/),
  ])
  expect(rows('channels out').map(([sample]) => sample)).toStrictEqual(['0', '0'])
})

test('a bad sample of an HDF5 file has no row; `samples` says which row is which', async () => {
  const writer = await Hdf5Writer.create(join(root, 'images.h5'), [{ name: 'images', kind: 'float32', rowShape: SIZE }])
  for (const seed of [0, 1, 2, 3]) {
    const values = valuesOf(seed)
    if (seed === 1) values[77] = Number.NaN
    if (seed === 2) values[77] = -3e38
    writer.append('images', values)
  }
  await writer.finish()
  const { code, lines } = await predicted(['images.h5'], 'hdf5', '--raw', '--probabilities')
  expect(code).toBe(1)
  expect(lines.slice(-3)).toStrictEqual([
    "not predicted: images.h5: dataset 'images' sample 1 has a voxel that is not a finite float32",
    "not predicted: images.h5: dataset 'images' sample 2 has a voxel of magnitude 3.00e+38, expected at most 1e+12: sums in float32 would overflow",
    '2 of 4 could not be predicted',
  ])
  for (const [file, dataset] of [
    ['masks', 'masks'],
    ['probabilities', 'probabilities'],
    ['raw', 'presence_probs'],
  ] as const) {
    const opened = await Hdf5File.open(join(root, 'hdf5', `${file}.h5`))
    const samples = opened.read(opened.dataset('samples'), 0, 2)
    expect([...samples].map(Number), file).toStrictEqual([0, 3])
    expect(opened.dataset(dataset).shape[0]).toBe(2)
    opened.close()
  }
})

test('a lost device, a full disk or any other error that is not about one scan ends the prediction', () => {
  const subjects = {
    count: 3,
    nameOf: String,
    whereIs: String,
    read: () => expect.unreachable(),
    close: () => undefined,
  }
  const bad = new BadSubjects(subjects as never)
  for (const error of [new DeviceLostError('device lost'), WriteError.at('out/masks.h5', new Error('ENOSPC'))])
    expect(() => bad.add(1, error)).toThrow(error)
  bad.add(1, new InputError('b.nii: is cut off'))
  expect(bad.list()).toStrictEqual([{ sample: 1, scan: '1', reason: 'b.nii: is cut off' }])
})

test('a presence that is not a number is neither present nor absent: the scan is not predicted', async () => {
  const overflowing = join(root, 'overflowing.pth')
  writeOverflowing(overflowing, weights, 1)
  folderOf('fine', 'a', 'b')
  const { code, lines } = await predicted(['fine'], 'overflow', '--weights', overflowing)
  expect(lines.at(-1)).toMatch(
    /^sadaan-gpu: fine\/a\.nii\.gz: the model's presence_probs of posterior is NaN, expected a finite number \(1 more/,
  )
  expect(code).toBe(2)
  expect(existsSync(join(root, 'overflow'))).toBe(false)
})

test('the end says what is present with its volume, what is absent, and where the files are', async () => {
  folderOf('ends', 'a', 'b')
  const one = await predicted(['ends/a.nii.gz'], 'one end', '--json')
  const [{ structures }] = (JSON.parse(one.stdout) as Prediction).found as [Prediction['found'][number]]
  const { lines } = await predicted(['ends/a.nii.gz'], 'one end')
  const text = (name: string): string => {
    const { volume_ml, mask_voxels } = structures[name]!
    expect(volume_ml).toBeCloseTo((mask_voxels * 12) / 1000, 9)
    return `${name} ${volume_ml! < 10 ? Number(volume_ml!.toPrecision(2)) : Math.round(volume_ml!)} ml`
  }
  expect(lines.at(-1)).toBe(`present: ${text('anterior')}, ${text('posterior')}; absent: none; files: one end`)
  const two = await predicted(['ends'], 'two end', '--weights', weights)
  expect(two.lines.slice(-3)).toStrictEqual([
    expect.stringMatching(/^a: present: anterior \S+ ml, posterior \S+ ml; absent: none$/),
    expect.stringMatching(/^b: present: /),
    'files: two end',
  ])
})

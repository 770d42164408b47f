import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { readDicomFile } from '../../../../src/data/scan/dicom/file.ts'
import { DicomSegmentation } from '../../../../src/data/scan/dicom/segmentation.ts'
import { isScan, readScan } from '../../../../src/data/scan/read_scan.ts'
import { InputError } from '../../../../src/util/error.ts'
import { temporaryDirectory } from '../../small_dataset.ts'
import { dicomBytes, type Item } from './bytes.ts'
import { COLUMNS, DEPTH, pixelsOf, ROWS, sliceBytes, sliceElements, stored, writeSeries } from './slices.ts'

const directory = temporaryDirectory()
let folders = 0

function newFolder(): string {
  const path = join(directory, `${folders++}`)
  mkdirSync(path)
  return path
}

function expectVoxels(path: string): void {
  const { size, values } = readScan(path)
  expect(size).toEqual([COLUMNS, ROWS, DEPTH])
  for (let i = 0; i < COLUMNS; i++)
    for (let j = 0; j < ROWS; j++)
      for (let k = 0; k < DEPTH; k++) expect(values[(i * ROWS + j) * DEPTH + k]).toBe(stored(i, j, k))
}

function refusal(path: string): string {
  try {
    readScan(path)
  } catch (error) {
    expect(error).toBeInstanceOf(InputError)
    expect((error as Error).message).not.toContain('\n')
    return (error as Error).message
  }
  throw new Error(`${path} was read`)
}

/** Class, instance, study and series, as an anonymiser leaves them. */
const blanked: Item = {
  524310: ['UI', ''],
  524312: ['UI', ''],
  2097165: ['UI', ''],
  2097166: ['UI', ''],
}
const CT = '1.2.840.10008.5.1.4.1.1.2'

function writeBlanked(folder: string, metaOf: (k: number) => Item): string {
  for (let k = 0; k < DEPTH; k++)
    writeFileSync(
      join(folder, `${(k * 3) % DEPTH}`),
      dicomBytes('explicit', sliceElements(k, blanked), pixelsOf(k), metaOf(k)),
    )
  return folder
}

test('images whose UIDs were blanked are one series; a segmentation refers to the instances of their meta elements', () => {
  const folder = writeBlanked(newFolder(), k => ({ 131074: ['UI', CT], 131075: ['UI', `1.2.9.${k + 1}`] }))
  expectVoxels(folder)
  const { dicom, warnings } = readScan(folder)
  expect(warnings).toEqual([])
  expect(dicom!.slices.map(({ sopClassUid, sopInstanceUid }) => [sopClassUid, sopInstanceUid])).toEqual(
    [1, 2, 3, 4, 5].map(k => [CT, `1.2.9.${k}`]),
  )
  const segmentation = new DicomSegmentation(dicom!)
  segmentation.add('liver', new Uint8Array(COLUMNS * ROWS * DEPTH).fill(1))
  const path = join(directory, 'masks.dcm')
  segmentation.write(path)
  const { elements } = readDicomFile(path)
  const [series] = elements.items(0x00081115)
  expect(elements.text(0x0020000d)).toMatch(/^2\.25\.\d+$/)
  expect(series!.text(0x0020000e)).toMatch(/^2\.25\.\d+$/)
  expect(series!.items(0x0008114a).map(item => item.text(0x00081155))).toEqual([1, 2, 3, 4, 5].map(k => `1.2.9.${k}`))
})

test('without meta elements that name them, class and instances are made up', () => {
  const { dicom } = readScan(writeBlanked(newFolder(), () => ({})))
  const uids = dicom!.slices.map(({ sopInstanceUid }) => sopInstanceUid)
  expect(new Set(uids).size).toBe(DEPTH)
  for (const uid of uids) expect(uid).toMatch(/^2\.25\.\d+$/)
  expect(dicom!.slices[0]!.sopClassUid).toBe(CT)
})

test('of images without UIDs, those of another geometry or kind are another series', () => {
  const folder = writeBlanked(newFolder(), () => ({}))
  const put = (name: string, k: number, changes: Item): void =>
    writeFileSync(join(folder, name), sliceBytes(k, { ...blanked, ...changes }))
  put('scout', 0, { 524296: ['CS', 'ORIGINAL\\PRIMARY\\LOCALIZER'], 2097207: ['DS', '0\\1\\0\\0\\0\\-1'] })
  expectVoxels(folder)
  expect(readScan(folder).warnings).toEqual([])
  put('odd', 0, { 2621488: ['DS', '2\\0.75'] })
  expectVoxels(folder)
  expect(readScan(folder).warnings).toEqual([
    'its images name no series, and these differ from the others in geometry, so they are left out: odd',
  ])
  for (const k of [1, 2, 3]) put(`odd${k}`, k, { 2621488: ['DS', '2\\0.75'] })
  expect(refusal(folder)).toMatch(
    /holds 2 series, choose one by its UID: without-uid-1 \(.*slices: 5\), without-uid-\d \(/,
  )
  expect(readScan(folder, { series: 'without-uid-1' }).size).toEqual([COLUMNS, ROWS, DEPTH])
})

test.each([
  ['implicit', 'bare'],
  ['explicit', 'bare'],
  ['implicit', 'without preamble'],
  ['explicit', 'without preamble'],
] as const)('a series of syntax %s, %s, is read', (syntax, start) => {
  const folder = newFolder()
  for (let k = 0; k < DEPTH; k++)
    writeFileSync(join(folder, `IM${k}`), dicomBytes(syntax, sliceElements(k), pixelsOf(k), start))
  expect([isScan(folder), isScan(join(folder, 'IM0'))]).toEqual([true, true])
  expectVoxels(folder)
})

test('files that are something else are not taken for bare data sets', () => {
  const folder = newFolder()
  const others: [string, Buffer][] = [
    ['text', Buffer.from('\b\0 not elements at all, but a text of some length that goes on and on')],
    ['zeros', Buffer.concat([Buffer.from([8, 0]), Buffer.alloc(2000)])],
    ['empty', Buffer.alloc(0)],
    ['short', Buffer.from([8, 0, 5, 0])],
    ['safetensors', Buffer.concat([Buffer.from([8, 0, 1, 0, 0, 0, 0, 0]), Buffer.from('{"__metadata__":{}}')])],
  ]
  for (const [name, bytes] of others) {
    const path = join(folder, name)
    writeFileSync(path, bytes)
    expect([name, isScan(path)]).toEqual([name, false])
  }
  const named = join(folder, 'text.dcm')
  copyFileSync(join(folder, 'text'), named)
  expect(refusal(named)).toContain('is not a DICOM file')
})

test('a slice that was copied is left out and said; other content in its place is refused', () => {
  const folder = writeSeries(newFolder())
  copyFileSync(join(folder, 'IM0'), join(folder, 'IM0 (1)'))
  expectVoxels(folder)
  expect(readScan(folder).warnings).toEqual(['a file is a copy of another and is left out: IM0 (1) (of IM0)'])
  copyFileSync(join(folder, 'IM3'), join(folder, 'IM3 (1)'))
  expect(readScan(folder).warnings).toEqual([
    '2 files are copies of others and are left out: IM0 (1) (of IM0), IM3 (1) (of IM3)',
  ])
  const changed = readFileSync(join(folder, 'IM0'))
  changed[changed.length - 1]! ^= 1
  writeFileSync(join(folder, 'IM0 (1)'), changed)
  expect(refusal(folder)).toContain('IM0 and IM0 (1) have the same position: a slice is duplicated')
  const blank = writeBlanked(newFolder(), () => ({}))
  copyFileSync(join(blank, '2'), join(blank, '9'))
  expectVoxels(blank)
})

test('deflated data that hold less or more than their header states are refused before they take memory', () => {
  const deflated = (changes: Item, more: Buffer): string => {
    const folder = newFolder()
    for (let k = 0; k < DEPTH; k++) {
      const marked = dicomBytes('explicit', sliceElements(k, changes), pixelsOf(k))
      const start = dicomBytes('deflated', {}, []).indexOf('1.2.840.10008.1.2.1.99') + 22
      const meta = dicomBytes('deflated', {}, []).subarray(0, start)
      const body = marked.subarray(marked.indexOf('1.2.840.10008.1.2.1\0') + 20)
      writeFileSync(join(folder, `${k}`), Buffer.concat([meta, deflateRawSync(Buffer.concat([body, more]))]))
    }
    return folder
  }
  expectVoxels(deflated({}, Buffer.alloc(1000)))
  expect(refusal(deflated({}, Buffer.alloc(2 ** 22)))).toContain('inflates to more than its header states')
  const large: Item = { 2621456: ['US', [5000]], 2621457: ['US', [5000]] }
  expect(refusal(deflated(large, Buffer.alloc(0)))).toContain('inflates to less than the')
})

test('run lengths that cannot hold the pixels are refused before they take memory', () => {
  const folder = newFolder()
  const large: Item = { 2621456: ['US', [5000]], 2621457: ['US', [5000]] }
  for (let k = 0; k < DEPTH; k++) writeFileSync(join(folder, `${k}`), sliceBytes(k, large, 'rle'))
  expect(refusal(folder)).toMatch(/holds \d+ bytes of pixels, its header states 50000000: truncated/)
})

test('links in circles within a series, and in its place, are passed over or refused with one line', () => {
  const folder = writeSeries(newFolder())
  symlinkSync('circle', join(folder, 'circle'))
  symlinkSync(folder, join(folder, 'itself'))
  expectVoxels(folder)
  const circle = join(newFolder(), 'circle')
  symlinkSync('circle', circle)
  expect(refusal(circle)).toContain('circle')
  symlinkSync('circle.nii', `${circle}.nii`)
  expect(refusal(`${circle}.nii`)).toMatch(/circle\.nii: cannot be read \(ELOOP/)
})

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { codeOf } from '../../../../src/data/scan/dicom/codes.ts'
import type { DicomElements } from '../../../../src/data/scan/dicom/elements.ts'
import { readDicomFile } from '../../../../src/data/scan/dicom/file.ts'
import { DicomSegmentation } from '../../../../src/data/scan/dicom/segmentation.ts'
import { isScan, readScan } from '../../../../src/data/scan/read_scan.ts'
import { temporaryDirectory } from '../../small_dataset.ts'
import { COLUMNS, DEPTH, ROWS, SERIES, writeSeries } from './slices.ts'

const directory = temporaryDirectory()
const source = readScan(writeSeries(join(directory, 'series'))).dicom!
const VOXELS = COLUMNS * ROWS * DEPTH

interface Read {
  elements: DicomElements
  /** by structure and slice, the voxels (J, I) of a plane */
  planes: Map<string, number[]>
  labels: string[]
}

/** Reads a segmentation by the standard's words alone: planes of 12 bits, 3 of them in 36 bits. */
function read(path: string): Read {
  const { elements, pixels } = readDicomFile(path)
  const bytes = readFileSync(path).subarray(pixels!.start)
  const labels = elements.items(0x00620002).map(segment => segment.text(0x00620005)!)
  const planes = new Map(
    elements.items(0x52009230).map((frame, f) => {
      const number = frame.items(0x0062000a)[0]!.word(0x0062000b)!
      const place = frame.items(0x00209113)[0]!.numbers(0x00200032)![2]!
      const bits = Array.from({ length: ROWS * COLUMNS }, (_, v) => f * ROWS * COLUMNS + v)
      return [`${labels[number - 1]} at ${place}`, bits.map(bit => (bytes[bit >>> 3]! >>> (bit & 7)) & 1)]
    }),
  )
  return { elements, planes, labels }
}

/** A mask (I, J, K) of the voxels that `has` names. */
function maskOf(has: (i: number, j: number, k: number) => boolean): Uint8Array {
  const voxel = (v: number): boolean => has(Math.floor(v / (ROWS * DEPTH)), Math.floor(v / DEPTH) % ROWS, v % DEPTH)
  return Uint8Array.from({ length: VOXELS }, (_, v) => Number(voxel(v)))
}

function write(path: string, masks: Readonly<Record<string, Uint8Array>>): void {
  const segmentation = new DicomSegmentation(source)
  for (const [name, mask] of Object.entries(masks)) segmentation.add(name, mask)
  segmentation.write(path)
}

test('a segmentation has the planes with voxels, bit after bit, and names patient, series and slices of its source', () => {
  const path = join(directory, 'masks.dcm')
  write(path, {
    liver: maskOf((i, j, k) => k === 3 && i === j),
    nothing: maskOf(() => false),
    left_lung: maskOf((i, _, k) => k < 2 && i === 3),
  })
  const { elements, planes, labels } = read(path)
  expect(labels).toEqual(['liver', 'nothing', 'left_lung'])
  const right = [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]
  expect(Object.fromEntries(planes)).toEqual({
    'liver at 39': [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0],
    'left_lung at 30': right,
    'left_lung at 33': right,
  })
  expect(elements.numbers(0x00280008)).toEqual([3])
  expect(elements.text(0x00620013)).toBe('NO')
  expect([0x00100010, 0x00100020, 0x0020000d, 0x00200052].map(tag => elements.text(tag))).toEqual([
    'Doe^Jane',
    'P7',
    '1.2.3',
    '1.2.3.9',
  ])
  const [series] = elements.items(0x00081115)
  expect([series!.text(0x0020000e), series!.items(0x0008114a).length]).toEqual([SERIES, DEPTH])
  const sources = elements
    .items(0x52009230)
    .map(frame => frame.items(0x00089124)[0]!.items(0x00082112)[0]!.text(0x00081155))
  expect(sources).toEqual(['1.2.3.5.4', '1.2.3.5.1', '1.2.3.5.2'])
  // beside the slices it is passed over, and is no scan itself
  write(join(directory, 'series', 'masks.dcm'), { liver: maskOf(() => true) })
  expect(readScan(join(directory, 'series')).size).toEqual([COLUMNS, ROWS, DEPTH])
  expect(isScan(path)).toBe(true)
  expect(() => readScan(path)).toThrow('holds no DICOM image')
})

test('overlap is told, of nothing at all one empty plane is written, and a mask of another size is refused', () => {
  const path = join(directory, 'overlap.dcm')
  const whole = maskOf(() => true)
  write(path, { spleen: whole, tumour: whole })
  expect([read(path).elements.text(0x00620013), read(path).planes.size]).toEqual(['YES', 2 * DEPTH])
  write(path, { spleen: new Uint8Array(VOXELS) })
  expect([...read(path).planes]).toEqual([['spleen at 30', Array(ROWS * COLUMNS).fill(0)]])
  expect(() => new DicomSegmentation(source).add('spleen', new Uint8Array(7))).toThrow(
    'spleen is 7, expected 60 voxels',
  )
  expect(() => new DicomSegmentation(source).write(path)).toThrow('expected at least one')
  expect(readdirSync(directory).filter(name => name.endsWith('.tmp'))).toEqual([])
})

test('names of organs become codes, with their side', () => {
  const of = (name: string): (string | undefined)[] => {
    const { type, side } = codeOf(name)
    return [type.value, side?.meaning]
  }
  expect(of('left_kidney')).toEqual(['64033007', 'Left'])
  expect(of('Kidney-R')).toEqual(['64033007', 'Right'])
  expect(of('lungs')).toEqual(['39607008', undefined])
  expect(of('urinary bladder')).toEqual(['89837001', undefined])
  expect(of('pancreas')).toEqual(['15776009', undefined])
  expect(of('Frontal_Sup_L')).toEqual(['91723000', undefined])
  expect(of('constructor')).toEqual(['91723000', undefined])
})

// full: compares with pydicom and highdicom
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, type TestContext, test } from 'vitest'
import { ANATOMICAL_STRUCTURE, codeOf, ORGANS } from '../../../../src/data/scan/dicom/codes.ts'
import { DicomSegmentation } from '../../../../src/data/scan/dicom/segmentation.ts'
import { readScan } from '../../../../src/data/scan/read_scan.ts'
import { temporaryDirectory } from '../../small_dataset.ts'

const directory = temporaryDirectory()

interface Series {
  name: string
  size: number[]
  affine: number[][]
}

interface Segmentation {
  labels: string[]
  types: string[][]
  patient: string
  same: boolean[]
  series: boolean
  frames: number
  overlap: string
  affine: number[][]
}

function run<T>(context: TestContext, script: string, ...args: string[]): T {
  const python = process.env.SADAAN_READERS
  if (!python) context.skip('SADAAN_READERS is not set: no python with pydicom and highdicom')
  const path = fileURLToPath(new URL(script, import.meta.url))
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe']
  return JSON.parse(execFileSync(python!, ['-W', 'ignore', path, ...args], { encoding: 'utf8', stdio })) as T
}

test('series that pydicom wrote have the voxels and the affine that numpy computes; a segmentation of one is read by highdicom', context => {
  const all = run<Series[]>(context, 'oracle.py', directory)
  expect(all).toHaveLength(6)
  for (const { name, size, affine } of all) {
    const scan = readScan(join(directory, name))
    const bytes = readFileSync(join(directory, `${name}.raw`))
    expect([name, scan.size]).toEqual([name, size])
    const voxels = new Float32Array(Uint8Array.from(bytes).buffer)
    expect(scan.values.findIndex((value, v) => value !== voxels[v])).toBe(-1)
    expect(scan.values.length).toBe(voxels.length)
    for (const [r, row] of affine.entries())
      for (const [c, value] of row.entries()) expect(scan.affine[r]![c]).toBeCloseTo(value, 6)
  }

  const folder = join(directory, 'run_lengths')
  const { dicom, values, affine } = readScan(folder)
  const depth = dicom!.slices.length
  const masks = {
    left_kidney: Uint8Array.from(values, value => Number(value > 0)),
    'Kidney-R': Uint8Array.from(values, (value, v) => Number(value < 1000 && v % depth > 2)),
    spleen: new Uint8Array(values.length),
    lesion: Uint8Array.from(values, (_, v) => Number(v === 77)),
  }
  const path = join(directory, 'masks.dcm')
  const segmentation = new DicomSegmentation(dicom!)
  for (const [name, mask] of Object.entries(masks)) segmentation.add(name, mask)
  segmentation.write(path)
  const raw = join(directory, 'masks.raw')
  const { affine: planes, ...read } = run<Segmentation>(context, 'segments.py', path, folder, raw)
  expect(read).toEqual({
    labels: ['left_kidney', 'Kidney-R', 'spleen', 'lesion'],
    types: [['Kidney', 'Left'], ['Kidney', 'Right'], ['Spleen'], ['Anatomical Structure']],
    patient: 'Müller^Jörg',
    same: [true, true, true],
    series: true,
    frames: 5 + 2 + 1,
    overlap: 'YES',
  })
  expect(readFileSync(raw).equals(Buffer.concat(Object.values(masks)))).toBe(true)
  // highdicom's axes are slices from the last, rows, columns, in millimetres to the left, the back and up
  for (const [r, row] of planes.entries())
    for (const [c, axis] of [1, 0].entries()) expect(row[c + 1]).toBeCloseTo((r === 2 ? 1 : -1) * affine[r]![axis]!, 6)
})

test("every SNOMED CT code is the one that pydicom's dictionary has for its meaning", context => {
  const organs = Object.keys(ORGANS).map(organ => codeOf(organ).type)
  const sides = ['left kidney', 'right kidney'].map(name => codeOf(name).side!)
  const ours = [ANATOMICAL_STRUCTURE, ...sides, ...organs].map(({ meaning, value }) => [meaning, value] as const)
  const meanings = ours.map(([meaning]) => meaning)
  const theirs = run<Record<string, string | null>>(context, 'codes.py', JSON.stringify(meanings))
  expect(Object.fromEntries(ours)).toEqual(theirs)
})

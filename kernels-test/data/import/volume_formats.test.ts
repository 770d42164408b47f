import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { importScans } from '../../../src/data/import/import.ts'
import type { ImportOptions } from '../../../src/data/import/import_options.ts'
import { modalityOf } from '../../../src/data/import/modality.ts'
import { inspectScan } from '../../../src/data/inspect/scan.ts'
import { readScan } from '../../../src/data/scan/read_scan.ts'
import { scanGroups } from '../../../src/data/scan/scan_groups.ts'
import { headerWarnings } from '../../../src/data/scan/scan_warnings.ts'
import { metaBytes, metaHeader, nrrdBytes, storedBytes } from '../scan/text_volumes.ts'
import { temporaryDirectory } from '../small_dataset.ts'
import { datasetOf, folders, optionsFor, rows, SIZE } from './input.ts'

const directory = temporaryDirectory()

/** Stored i runs to the front, j to the left and k up, a little turned. */
const AFFINE = [
  [0.25, -1, 0, 30],
  [2, 0.125, 0, -12],
  [0, 0, 1.5, 7],
]

/** The columns of the affine and its last one, in left, posterior, superior. */
const [first, second, third, origin] = [0, 1, 2, 3].map(column =>
  AFFINE.map((row, r) => row[column]! * (r < 2 ? -1 : 1)),
)

/** The voxels of a NIfTI volume, i fastest, as numbers. */
function voxelsAt(path: string): number[] {
  const { values, size } = readScan(path)
  const [width, height, depth] = size
  return Array.from({ length: values.length }, (_, v) => {
    const [i, j, k] = [v % width, Math.floor(v / width) % height, Math.floor(v / (width * height))]
    return Number(values[(i * height + j) * depth + k])
  })
}

function asNrrd(path: string, type: 'uint8' | 'float32', pairs: Record<string, string> = {}): Buffer {
  const vector = (numbers: readonly number[]): string => `(${numbers.join(',')})`
  return nrrdBytes(
    {
      type: type === 'uint8' ? 'uchar' : 'float',
      sizes: SIZE.join(' '),
      'space directions': [first!, second!, third!].map(vector).join(' '),
      'space origin': vector(origin!),
      encoding: 'gzip',
      ...pairs,
    },
    storedBytes(voxelsAt(path), type),
  )
}

function metaFields(type: 'uint8' | 'float32') {
  const steps = [first!, second!, third!].map(vector => Math.hypot(...vector))
  const cosines = [first!, second!, third!].flatMap((vector, axis) => vector.map(value => value / steps[axis]!))
  return {
    ElementType: type === 'uint8' ? 'MET_UCHAR' : 'MET_FLOAT',
    DimSize: SIZE.join(' '),
    TransformMatrix: cosines.join(' '),
    ElementSpacing: steps.join(' '),
    Offset: origin!.join(' '),
  }
}

const nifti = folders(join(directory, 'nifti'), 4, { affine: AFFINE })
for (const name of readdirSync(join(directory, 'nifti', 'labels'))) {
  const path = join(directory, 'nifti', 'labels', name)
  const bytes = readFileSync(path)
  for (const [i, value] of AFFINE.flat().entries()) bytes.writeFloatLE(value, 280 + 4 * i)
  writeFileSync(path, bytes)
}

/** The same subjects in another format, in folders of that name. */
function converted(
  format: string,
  write: (from: string, to: string, type: 'uint8' | 'float32') => void,
): ImportOptions {
  const root = join(directory, format)
  for (const kind of ['images', 'labels']) {
    mkdirSync(join(root, kind), { recursive: true })
    for (const name of readdirSync(join(directory, 'nifti', kind)))
      write(
        join(directory, 'nifti', kind, name),
        join(root, kind, name.replace(/\.nii$/, '')),
        kind === 'labels' ? 'uint8' : 'float32',
      )
  }
  return optionsFor(
    join(root, 'out'),
    { images: join(root, 'images'), labels: join(root, 'labels') },
    { imageSize: SIZE },
  )
}

const SEGMENTS = {
  'Segment0_Name:=': 'whole',
  'Segment0_LabelValue:=': '1',
  'Segment1_Name:=': 'rest',
  'Segment1_LabelValue:=': '2',
}

const nrrd = converted('nrrd', (from, to, type) => {
  if (type === 'uint8') writeFileSync(`${to}.seg.nrrd`, asNrrd(from, type, SEGMENTS))
  else writeFileSync(`${to}.nrrd`, asNrrd(from, type))
})
const meta = converted('meta', (from, to, type) => {
  const voxels = storedBytes(voxelsAt(from), type)
  if (type === 'uint8')
    return writeFileSync(`${to}.mha`, metaBytes({ ...metaFields(type), CompressedData: 'True' }, voxels))
  writeFileSync(`${to}.mhd`, metaHeader({ ...metaFields(type), ElementDataFile: `${to.split('/').at(-1)}.raw` }))
  writeFileSync(`${to}.raw`, voxels)
})

test('the same scans as NIfTI, NRRD and MetaImage become the same dataset', async () => {
  const summaries = []
  for (const options of [nifti, nrrd, meta]) summaries.push(await importScans(options))
  for (const { warnings } of summaries) expect(warnings.filter(line => /not imported|swapped/.test(line))).toEqual([])
  const [expected, ...others] = [nifti, nrrd, meta].map(datasetOf)
  expect(others.map(({ structure_names }) => structure_names)).toEqual([
    ['whole', 'rest'],
    ['label_1', 'label_2'],
  ])
  for (const other of others) {
    expect(other.preparation).toEqual(expected.preparation)
    expect(other.training_scans).toEqual(expected.training_scans)
    const [own, before] = [other, expected].map(each =>
      each.dataset_info.subjects.map(({ name, orientation, size, voxel_size_mm }: Record<string, unknown>) => ({
        name,
        orientation,
        size,
        voxel_size_mm,
      })),
    )
    expect(own).toEqual(before)
  }
  for (const split of ['train.h5', 'val.h5'])
    for (const name of ['images', 'masks', 'presence_labels']) {
      const wanted = await rows(join(nifti.outputDir, split), name)
      expect(
        wanted.some(value => value !== 0),
        `${split} ${name}`,
      ).toBe(true)
      for (const { outputDir } of [nrrd, meta]) expect(await rows(join(outputDir, split), name)).toEqual(wanted)
    }
})

const scans = join(directory, 'nrrd', 'images')

test('folders of masks may hold any of the formats', async () => {
  const root = join(directory, 'masks')
  mkdirSync(root)
  const values = voxelsAt(join(directory, 'nifti', 'labels', 's1.nii'))
  for (const [name, value] of Object.entries({ one: 1, two: 2 })) {
    const voxels = values.map(label => Number(label === value))
    writeFileSync(join(root, `${name}.mha`), metaBytes(metaFields('uint8'), storedBytes(voxels, 'uint8')))
  }
  const pair = { images: join(scans, 's0.nrrd'), labels: root }
  const options = optionsFor(join(directory, 'of masks'), pair, { imageSize: SIZE })
  await importScans(options)
  expect(datasetOf(options).structure_names).toEqual(['one', 'two'])
  cpSync(join(directory, 'nifti', 'labels', 's1.nii'), join(root, 'two.nii'))
  await expect(importScans(options)).rejects.toThrow(/two\.nii: has the same name as .*two\.mha/)
})

test("nnU-Net's datasets may state any of the formats as file_ending", async () => {
  const dataset = join(directory, 'nnunet')
  const copy = (from: string, to: string): void => {
    mkdirSync(join(to, '..'), { recursive: true })
    cpSync(from, to)
  }
  for (const name of ['s0', 's1', 's2', 's3']) {
    copy(join(scans, `${name}.nrrd`), join(dataset, 'imagesTr', `${name}_0000.nrrd`))
    copy(join(directory, 'nrrd', 'labels', `${name}.seg.nrrd`), join(dataset, 'labelsTr', `${name}.nrrd`))
  }
  const facts = {
    channel_names: { 0: 'T1' },
    labels: { background: 0, a: 1, b: 2 },
    numTraining: 4,
    file_ending: '.nrrd',
  }
  writeFileSync(join(dataset, 'dataset.json'), JSON.stringify(facts))
  const options = optionsFor(join(directory, 'of nnunet'), { images: dataset }, { imageSize: SIZE })
  await importScans(options)
  expect(datasetOf(options).structure_names).toEqual(['a', 'b'])
})

test('scans to predict are found by the names of any of the formats, and channels grouped', () => {
  const folder = join(directory, 'channels')
  for (const name of [
    'a_0000.nrrd',
    'a_0001.nhdr',
    'b_0000.mhd',
    'b_0001.mha',
    'b_0000.raw',
    'a.seg.nrrd',
    'notes.txt',
  ])
    cpSync(join(scans, 's0.nrrd'), join(folder, name))
  expect(scanGroups([folder], 2)).toEqual([
    { name: 'a', paths: [join(folder, 'a_0000.nrrd'), join(folder, 'a_0001.nhdr')] },
    { name: 'b', paths: [join(folder, 'b_0000.mhd'), join(folder, 'b_0001.mha')] },
  ])
  expect(scanGroups([join(folder, 'a_0000.nrrd')], 1)).toMatchObject([{ name: 'a' }])
  expect(() => scanGroups([join(folder, 'c.mha')], 1)).toThrow(/c\.mha: no such file, expected a MetaImage file/)
  expect(() => scanGroups([join(folder, 'notes.txt')], 1)).toThrow(/\(\.nii, .*\.mhd, or DICOM\)/)
  expect(() => readScan(join(folder, 'a_0000.nrrd'), { series: '1.2' })).toThrow(/is a NRRD file, but a series/)
})

test('inspect says the same of a scan in any of the formats, and doubts and modality are taken from them', () => {
  const { size, channels, orientation, intensity, ...expected } = inspectScan(
    join(directory, 'nifti', 'images', 's0.nii'),
  )
  for (const same of [join(scans, 's0.nrrd'), join(directory, 'meta', 'images', 's0.mhd')]) {
    const found = inspectScan(same)
    expect(found).toMatchObject({ size, channels, orientation, intensity, unit: 'millimetre', warnings: [] })
    for (const axis of [0, 1, 2]) expect(found.spacing[axis]).toBeCloseTo(expected.spacing[axis]!, 9)
    expect([found.voxel_ml, found.oblique].map(value => value.toFixed(9))).toEqual(
      [expected.voxel_ml, expected.oblique].map(value => value.toFixed(9)),
    )
  }
  const bare = join(directory, 'bare.mha')
  writeFileSync(bare, metaBytes({ TransformMatrix: undefined }, storedBytes(new Float32Array(60), 'int16')))
  expect(headerWarnings([bare])).toEqual([{ path: bare, text: expect.stringMatching(/states no orientation/) }])
  expect(modalityOf(join(directory, 'ct.nrrd'))).toMatchObject({ name: 'CT' })
})

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { scorePredictions } from '../../src/score/score.ts'
import { metaBytes, nrrdBytes, storedBytes } from '../data/scan/text_volumes.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { affineOf, blocks, SIZE, SPACING, writeLabels } from './made_scans.ts'

const root = temporaryDirectory()
const structures = [
  { name: 'one', marks: [1] },
  { name: 'two', marks: [2] },
]
const LABELS = blocks(30, 40)
const PREDICTED = blocks(20, 56)

/** Of the grid of `writeLabels`, which runs to the right, front and top, in left, posterior, superior. */
const origin = affineOf(SPACING).map((row, r) => row[3]! * (r < 2 ? -1 : 1))

/** Voxels k fastest as they are stored, i fastest. */
function stored(value: (voxel: number) => number): Buffer {
  const [width, height, depth] = SIZE
  const values = Array.from({ length: width * height * depth }, (_, v) => {
    const [i, j, k] = [v % width, Math.floor(v / width) % height, Math.floor(v / (width * height))]
    return value((i * height + j) * depth + k)
  })
  return storedBytes(values, 'uint8')
}

function meta(value: (voxel: number) => number): Buffer {
  const fields = {
    ElementType: 'MET_UCHAR',
    DimSize: SIZE.join(' '),
    ElementSpacing: SPACING.join(' '),
    TransformMatrix: '-1 0 0 0 -1 0 0 0 1',
    Offset: origin.join(' '),
  }
  return metaBytes(fields, stored(value))
}

function nrrd(value: (voxel: number) => number): Buffer {
  const [x, y, z] = SPACING
  const fields = {
    type: 'uchar',
    sizes: SIZE.join(' '),
    'space directions': `(${-x},0,0) (0,${-y},0) (0,0,${z})`,
    'space origin': `(${origin.join(',')})`,
    encoding: 'gzip',
  }
  return nrrdBytes(fields, stored(value))
}

test('predictions and labels may be NRRD or MetaImage, or one of each: the score is that of the same volumes as NIfTI', async () => {
  const folder = (name: string): string => {
    mkdirSync(join(root, name), { recursive: true })
    return join(root, name)
  }
  writeLabels(join(folder('nifti labels'), 'a.nii.gz'), LABELS)
  writeLabels(join(folder('nifti predicted'), 'a.nii.gz'), PREDICTED)
  writeFileSync(join(folder('nrrd labels'), 'a.seg.nrrd'), nrrd(LABELS))
  writeFileSync(join(folder('meta predicted'), 'a.mha'), meta(PREDICTED))
  for (const [s, { name }] of structures.entries()) {
    const mask = (v: number): number => Number(PREDICTED(v) === s + 1)
    writeFileSync(join(folder('masks/a'), `${name}.${s === 0 ? 'nrrd' : 'mha'}`), s === 0 ? nrrd(mask) : meta(mask))
  }
  const score = (labels: string, predictions: string) =>
    scorePredictions({ labels: join(root, labels), predictions: join(root, predictions), structures })
  const expected = await score('nifti labels', 'nifti predicted')
  expect(expected.cases[0]!.dice).toBeCloseTo(40 / 50, 6)
  for (const [labels, predictions] of [
    ['nrrd labels', 'meta predicted'],
    ['nrrd labels/a.seg.nrrd', 'meta predicted/a.mha'],
    ['nifti labels', 'masks'],
  ] as const)
    expect((await score(labels, predictions)).cases, predictions).toEqual(expected.cases)
})

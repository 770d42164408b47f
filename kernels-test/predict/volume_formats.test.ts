import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readNifti } from '../../src/data/scan/nifti/read.ts'
import { writeNifti } from '../../src/data/scan/nifti/writer.ts'
import { scanGroups } from '../../src/data/scan/scan_groups.ts'
import { scanSubjects } from '../../src/predict/scan_subjects.ts'
import type { Subject } from '../../src/predict/subjects.ts'
import type { ImageSize } from '../../src/util/shape.ts'
import { niftiBytes } from '../data/scan/nifti_bytes.ts'
import { metaBytes, nrrdBytes, storedBytes } from '../data/scan/text_volumes.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'

const root = temporaryDirectory()
const SIZE: ImageSize = [16, 16, 16]
const values = Array.from({ length: 2 * 24 * 20 * 12 }, (_, v) => (v * 7) % 1009)
/** Two channels of 24×20×12 voxels; i runs to the left, j down, k to the front. */
const AFFINE = [
  [-1.5, 0, 0, 40],
  [0, 0, 2, -7],
  [0, -1, 0, 12],
]

function subjectAt(path: string): Subject {
  const preparation = {
    orientation: 'RAS' as const,
    frame: { kind: 'spacing' as const, spacing_mm: [2, 2, 2] as [number, number, number] },
    image_size: SIZE,
    intensity: [
      { kind: 'percentile' as const, low: 0.5, high: 99.5 },
      { kind: 'zscore' as const, deviations: 4 },
    ],
  }
  const model = { path: 'model.pth', channels: 2, size: SIZE, isSlidOver: false }
  return scanSubjects(scanGroups([path], 2), model, {
    preparation,
    trainingScans: undefined,
    say: () => undefined,
  }).read(0)
}

test('a scan is the same subject as NIfTI, NRRD and MetaImage, and its masks lie on its grid', () => {
  const at = (name: string): string => join(root, name)
  const voxels = storedBytes(values, 'int16')
  writeFileSync(at('a.nii'), niftiBytes({ dims: [24, 20, 12, 2], type: 4, values, sform: AFFINE }))
  const nrrd = {
    dimension: '4',
    sizes: '24 20 12 2',
    space: 'right-anterior-superior',
    'space directions': '(-1.5,0,0) (0,0,-1) (0,2,0) none',
    'space origin': '(40,-7,12)',
    kinds: 'domain domain domain list',
  }
  writeFileSync(at('b.nrrd'), nrrdBytes(nrrd, voxels))
  const alternating = storedBytes(
    values.map((_, v) => values[(v % 2) * (values.length / 2) + Math.floor(v / 2)]!),
    'int16',
  )
  const meta = {
    DimSize: '24 20 12',
    ElementSpacing: '1.5 1 2',
    TransformMatrix: '1 0 0 0 0 -1 0 -1 0',
    Offset: '-40 7 12',
    ElementNumberOfChannels: '2',
  }
  writeFileSync(at('c.mha'), metaBytes(meta, alternating))
  const [nifti, ...others] = ['a.nii', 'b.nrrd', 'c.mha'].map(name => subjectAt(at(name)))
  expect(nifti!.grid.affine).toEqual(AFFINE)
  expect(new Set(nifti!.volume).size).toBeGreaterThan(500)
  for (const { name, volume, grid, millilitres } of others) {
    expect(volume, name).toEqual(nifti!.volume)
    expect([grid.size, grid.affine, millilitres], name).toEqual([nifti!.grid.size, AFFINE, nifti!.millilitres])
    writeNifti(at('mask.nii.gz'), new Uint8Array(24 * 20 * 12), grid)
    expect(readNifti(at('mask.nii.gz')).affine, name).toEqual(AFFINE)
  }
})

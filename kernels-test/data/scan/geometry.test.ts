import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { importScans } from '../../../src/data/import/import.ts'
import { inspectScan } from '../../../src/data/inspect/scan.ts'
import type { Affine } from '../../../src/data/scan/grid.ts'
import { readNifti, readNiftiGrid } from '../../../src/data/scan/nifti/read.ts'
import { writeNifti } from '../../../src/data/scan/nifti/writer.ts'
import { orientationOf } from '../../../src/data/scan/orientation.ts'
import { determinantOf, leastAngle, spacingOf, stepsOf } from '../../../src/data/scan/spacing.ts'
import { validateDataset } from '../../../src/data/validate/validate.ts'
import { inspectionText } from '../../../src/inspect/text.ts'
import { InputError } from '../../../src/util/error.ts'
import { datasetOf, optionsFor, rows } from '../import/input.ts'
import { temporaryDirectory } from '../small_dataset.ts'
import { type NiftiFields, niftiBytes, RAS } from './nifti_bytes.ts'

const directory = temporaryDirectory()
const dims = [16, 16, 16]
const values = Float32Array.from({ length: 4096 }, (_, v) => v % 200)
const plain: NiftiFields = { dims, type: 2, values, units: 2 }
const diagonal = (x: number, y: number, z: number): number[][] => [
  [x, 0, 0, 0],
  [0, y, 0, 0],
  [0, 0, z, 0],
]
const half = { offset: [0, 0, 0], qfac: 1 }
/** Turns of half a circle about z, and none; with a quaternion (b, c, d). */
const [about, unturned] = [
  [0, 0, 1],
  [0, 0, 0],
]
let written = 0

function save(fields: Partial<NiftiFields>): string {
  const path = join(directory, `${written++}.nii`)
  writeFileSync(path, niftiBytes({ ...plain, ...fields }))
  return path
}

function warningsOf(fields: Partial<NiftiFields>): readonly string[] {
  return readNiftiGrid(save(fields)).warnings
}

test('spacing and volume are millimetres whatever unit the header states', () => {
  for (const [units, factor] of [
    [1, 1e-3],
    [2, 1],
    [3, 1e3],
    [3 + 8, 1e3], // with seconds as the unit of time
    [0, 1],
  ] as const) {
    const pixdim = [2 * factor, 2 * factor, 3 * factor]
    const sform = diagonal(pixdim[0]!, pixdim[1]!, pixdim[2]!)
    for (const fields of [{ sform }, { qform: { ...half, quaternion: unturned } }]) {
      const { affine, warnings } = readNiftiGrid(save({ units, pixdim, ...fields }))
      expect(spacingOf(affine).map(length => Number(length.toFixed(6)))).toEqual([2, 2, 3])
      expect(warnings).toEqual([])
    }
  }
  const path = save({ units: 3, pixdim: [2000, 2000, 3000], sform: diagonal(2000, 2000, 3000) })
  const inspection = inspectScan(path)
  expect(inspection).toMatchObject({ spacing: [2, 2, 3], voxel_ml: 0.012, unit: 'micrometre' })
  expect(inspectionText(inspection)).toMatch(/^spacing +2×2×3 mm, 0\.012 ml a voxel$/m)
  // masks repeat the header as it is
  const mask = join(directory, 'mask.nii')
  writeNifti(mask, new Uint8Array(4096), readNifti(path))
  expect(readNiftiGrid(mask)).toMatchObject({
    affine: diagonal(2, 2, 3),
    geometry: { units: 3, sform: diagonal(2000, 2000, 3000) },
  })
  expect(inspectionText(inspectScan(save({ units: 0, sform: RAS })))).toMatch(
    /^spacing .* mm \(the unit is not stated\), /m,
  )
})

test.each<[string, Partial<NiftiFields>, RegExp, number[][] | string]>([
  ['no codes', { pixdim: [2, 2, 3] }, /^states no orientation .*left and right may be swapped$/, diagonal(2, 2, 3)],
  [
    'sform and qform of other handedness',
    { pixdim: [1, 1, 1], sform: RAS, qform: { quaternion: [0, 0, 1], offset: [0, 0, 0], qfac: -1 } },
    /^its axes point RAS by its sform, LPI by its qform: the sform is taken, but left and right are in doubt$/,
    RAS,
  ],
  [
    'sform and qform of other directions',
    { sform: RAS, qform: { ...half, quaternion: [1, 0, 0] } },
    /^its axes point RAS by its sform, RPI by its qform: the sform is taken, but its orientation is in doubt$/,
    RAS,
  ],
  [
    'an sform with a column of zeros',
    { sform: diagonal(2, 0, 3), qform: { ...half, quaternion: about }, pixdim: [2, 2, 3] },
    /^its sform is not invertible: its qform is taken$/,
    'LPS',
  ],
  [
    'an sform that is not a number',
    { sform: [[1, 0, 0, Number.NaN], ...RAS.slice(1)], qform: { ...half, quaternion: unturned } },
    /^its sform is not invertible: its qform is taken$/,
    RAS,
  ],
  [
    'a qform that cannot be inverted',
    { sform: RAS, qform: { ...half, quaternion: unturned }, pixdim: [0, 0, 0] },
    /^its qform is not invertible: its sform is taken$/,
    RAS,
  ],
  [
    'negative voxel sizes without an sform',
    { pixdim: [-2, 2, 3], qform: { ...half, quaternion: unturned } },
    /^has negative voxel sizes \(pixdim -2×2×3\): their signs are ignored$/,
    diagonal(2, 2, 3),
  ],
  [
    'a handedness of the qform that is none',
    { qform: { quaternion: unturned, offset: [0, 0, 0], qfac: 3 } },
    /^its pixdim\[0\], the handedness of its qform, is 3, expected 1 or -1: 1 is taken$/,
    RAS,
  ],
  [
    'a quaternion that is too long',
    { qform: { ...half, quaternion: [0, 0, 2] } },
    /^the quaternion of its qform is longer than 1: it is shortened$/,
    [
      [-1, 0, 0, 0],
      [0, -1, 0, 0],
      [0, 0, 1, 0],
    ],
  ],
  [
    'voxel sizes that contradict the sform',
    { sform: diagonal(2, 2, 3), pixdim: [1, 1, 1] },
    /^its voxels are 1×1×1 by its pixdim, 2×2×3 by its sform: those of the sform are taken$/,
    diagonal(2, 2, 3),
  ],
  ['a unit that is none', { units: 5, sform: RAS }, /^its unit of length \(xyzt_units 5\) is unknown/, RAS],
  [
    'a field of view of metres',
    { units: 1, sform: diagonal(2, 2, 3), pixdim: [2, 2, 3] },
    /^its field of view is 32000×32000×48000 mm: is its unit of length \(metre\) right\?$/,
    diagonal(2000, 2000, 3000),
  ],
])('%s: said in one sentence, with what was taken', (_, fields, sentence, taken) => {
  const path = save(fields)
  const { affine, warnings } = readNiftiGrid(path)
  expect(warnings).toEqual([expect.stringMatching(sentence)])
  if (typeof taken === 'string') expect(orientationOf(affine).code).toBe(taken)
  else
    for (const [r, row] of taken.entries())
      for (const [c, value] of row.entries()) expect(affine[r]![c]).toBeCloseTo(value, 9)
  expect(inspectionText(inspectScan(path))).toMatch(/^warning {6}(its|states|has|the) /m)
})

test('forms that differ by the angle of an atlas, and rounding, are no contradiction', () => {
  const turn = (degrees: number): number[][] => {
    const [c, s] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)]
    return [
      [c, -s, 0, 5],
      [s, c, 0, 6],
      [0, 0, 1, 7],
    ]
  }
  expect(warningsOf({ sform: turn(40), qform: { ...half, quaternion: unturned } })).toEqual([])
  expect(warningsOf({ sform: RAS, qform: { quaternion: unturned, offset: [0, 0, 0], qfac: 0 } })).toEqual([])
})

test('an affine that no form gives is refused with one line', () => {
  for (const [fields, line] of [
    [{ sform: diagonal(2, 0, 3) }, /its affine \(sform\) is not invertible$/],
    [{ sform: [[1, 0, 0, Number.POSITIVE_INFINITY], ...RAS.slice(1)] }, /its affine \(sform\) is not invertible$/],
    [{ qform: { ...half, quaternion: [0, 0, Number.NaN] } }, /its affine \(qform\) is not invertible$/],
    [{ pixdim: [1, 0, 1] }, /its voxel sizes \(pixdim\) are 1×0×1, expected numbers above 0$/],
  ] as const) {
    expect(() => warningsOf(fields as Partial<NiftiFields>)).toThrow(InputError)
    expect(() => warningsOf(fields as Partial<NiftiFields>)).toThrow(line)
  }
})

/** Slices of 2×2 mm, 3 mm apart along their normal, each shifted to the front against the last: a gantry tilt. */
const shift = 3 * Math.tan((20 * Math.PI) / 180)
const TILTED = [
  [2, 0, 0, 0],
  [0, 2, shift, 0],
  [0, 0, 3, 0],
] as unknown as Affine

test('under a gantry tilt a voxel keeps its volume, and slices their distance', () => {
  expect(stepsOf(TILTED)[2]).toBeCloseTo(3 / Math.cos((20 * Math.PI) / 180), 12)
  expect(spacingOf(TILTED).map(length => Number(length.toFixed(12)))).toEqual([2, 2, 3])
  expect(leastAngle(TILTED)).toBeCloseTo(70, 9)
  // an axis that leans on both others, stored first
  const leaning: Affine = [
    [1, 2, 0, 0],
    [1, 0, 3, 0],
    [4, 0, 0, 0],
  ]
  expect(spacingOf(leaning).map(length => Number(length.toFixed(12)))).toEqual([4, 2, 3])
  // a shear of all axes: the product is the volume
  const sheared: Affine = [
    [2, 0.3, 0.4, 0],
    [0.1, 3, 0.5, 0],
    [0.2, 0.6, 4, 0],
  ]
  const [x, y, z] = spacingOf(sheared)
  expect(x * y * z).toBeCloseTo(Math.abs(determinantOf(sheared)), 9)
})

test('import records what is in doubt, validate repeats it, and millilitres are those of the determinant', async () => {
  const [images, labels] = [join(directory, 'images'), join(directory, 'labels')]
  for (const folder of [images, labels]) mkdirSync(folder)
  for (const [n, name] of ['a', 'b', 'c'].entries()) {
    const pixdim = stepsOf(TILTED)
    const fields: NiftiFields = { ...plain, sform: TILTED, pixdim, ...(name === 'c' && { units: 5 }) }
    const own = values.map((value, v) => value + Number(v === n)) // no two splits may share an image
    writeFileSync(join(images, `${name}.nii`), niftiBytes({ ...fields, values: own }))
    writeFileSync(join(labels, `${name}.nii`), niftiBytes({ ...fields, values: values.map((_, v) => Number(v < 256)) }))
  }
  const options = optionsFor(join(directory, 'out'), { images, labels }, { imageSize: [16, 16, 16] })
  const report = await importScans(options)
  const sheared =
    /^3 files \(a\.nii, b\.nii, c\.nii\), each: its axes are not perpendicular \(70\.0°, as under a gantry tilt\)/
  const lines = report.warnings.filter(line => /\.nii/.test(line))
  expect(lines).toEqual([expect.stringMatching(sheared), expect.stringMatching(/^c\.nii: its unit of length/)])
  const { dataset_info } = datasetOf(options)
  for (const { voxel_size_mm } of dataset_info.subjects) expect(voxel_size_mm).toEqual([2, 2, 3])
  const spacing = await rows(join(options.outputDir, 'train.h5'), 'voxel_spacing')
  expect([...spacing.subarray(0, 3)].reduce((a, b) => a * b)).toBeCloseTo(Math.abs(determinantOf(TILTED)), 5)
  const { findings } = await validateDataset({ directory: options.outputDir, workers: 0, hash: false })
  expect(
    findings.filter(({ file }) => file === 'metadata.json').map(({ severity, message }) => [severity, message]),
  ).toEqual(lines.map(line => ['warning', line]))
})

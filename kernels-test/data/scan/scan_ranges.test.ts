import { expect, test } from 'vitest'
import type { Affine } from '../../../src/data/scan/grid.ts'
import type { Preparation } from '../../../src/data/scan/preparation.ts'
import { preparationDifferences } from '../../../src/data/scan/preparation_text.ts'
import { scanDifferences } from '../../../src/data/scan/scan_differences.ts'
import {
  joined,
  parseScanRanges,
  rangesOf,
  robustIntensities,
  type ScanRanges,
} from '../../../src/data/scan/scan_ranges.ts'
import { InputError } from '../../../src/util/error.ts'
import type { ImageSize } from '../../../src/util/shape.ts'

interface Made {
  size?: ImageSize
  voxel?: [number, number, number]
  /** degrees about the superior axis */
  turn?: number
  /** percentiles 0.5 and 99.5 */
  values?: [number, number]
}

function made({ size = [36, 50, 36], voxel: [x, y, z] = [1, 1, 1], turn = 0, values = [10, 900] }: Made): ScanRanges {
  const [c, s] = [Math.cos((turn * Math.PI) / 180), Math.sin((turn * Math.PI) / 180)]
  const affine: Affine = [
    [c * x, -s * y, 0, 5],
    [s * x, c * y, 0, 6],
    [0, 0, z, 7],
  ]
  const [low, high] = values
  return rangesOf({ size, affine }, [{ low, high }])
}

const percentiles = { kind: 'percentile', low: 0.5, high: 99.5 } as const
const WHOLE: Preparation = {
  orientation: 'RAS',
  frame: { kind: 'field_of_view' },
  image_size: [32, 48, 32],
  intensity: [percentiles],
}
const CT: Preparation = {
  ...WHOLE,
  frame: { kind: 'spacing', spacing_mm: [3, 3, 3] },
  intensity: [{ kind: 'window', low: -160, high: 240 }],
}

/** Crops of an MR in arbitrary units, as the Decathlon has them. */
const hippocampi = joined([
  made({ size: [31, 40, 24], values: [3, 91] }),
  made({ size: [43, 59, 47], values: [12_321, 442_342] }),
])!
/** A body in Hounsfield units. */
const bodies = joined([
  made({ size: [120, 100, 80], voxel: [3, 3, 5], values: [-1023, 431] }),
  made({ size: [500, 400, 300], voxel: [0.8, 0.8, 1.5], values: [-1000, 900] }),
])!

const differences = (scan: Made, trained: ScanRanges, preparation: Preparation): string[] =>
  scanDifferences(made(scan), trained, preparation, 'the training scans had')

test('ranges hold the least and the greatest of every scan, along right, anterior, superior', () => {
  const sagittal = rangesOf(
    {
      size: [10, 20, 30],
      affine: [
        [0, 0, 4, 0],
        [2, 0, 0, 0],
        [0, -3, 0, 0],
      ],
    },
    [{ low: -100, high: 300 }],
  )
  expect(joined([made({ size: [36, 50, 36], values: [0, 200] }), sagittal])).toStrictEqual({
    scans: 2,
    orientations: ['AIR', 'RAS'],
    tilt_degrees: [0, 0],
    voxel_size_mm: [
      [1, 4],
      [1, 2],
      [1, 3],
    ],
    field_of_view_mm: [
      [36, 120],
      [20, 50],
      [36, 60],
    ],
    intensities: [{ low: [-100, 0], high: [200, 300], zero: [0, 0.25] }],
  })
  expect(joined([])).toBeUndefined()
  expect(made({ turn: 30 }).tilt_degrees).toStrictEqual([30, 30])
})

test('a scan without two intensities has no place of 0, and takes none from the others', () => {
  const flat = made({ values: [5, 5] })
  expect(flat.intensities).toStrictEqual([{ low: [5, 5], high: [5, 5] }])
  expect(joined([flat, made({ values: [0, 10] })])!.intensities[0]!.zero).toEqual([0, 0])
  expect(scanDifferences(flat, hippocampi, WHOLE, '')).toEqual([])
})

test('intensities are the percentiles of all voxels, or of an even sample of many', () => {
  expect(robustIntensities(Float32Array.from({ length: 201 }, (_, v) => v - 50))).toEqual({ low: -49, high: 149 })
  // 2^21 voxels, in which every axis of a power of two is a period
  const many = Int16Array.from({ length: 2 ** 21 }, (_, v) => Math.floor(v / 2 ** 11) - 24)
  const { low, high } = robustIntensities(many)
  expect(low).toBeCloseTo(-19, -0.5)
  expect(high).toBeCloseTo(994, -0.5)
})

test('a scan unlike the training scans differs in one line per kind, with both figures', () => {
  expect(differences({ size: [122, 101, 112], voxel: [3, 3, 3], values: [-1023, 431] }, hippocampi, WHOLE)).toEqual([
    'field of view 366×303×336 mm; the training scans had 31–43 × 40–59 × 24–47 mm',
    'voxels of 3×3×3 mm; the training scans had 1×1×1 mm',
    'intensities -1023 to 431 (percentiles 0.5 to 99.5); the training scans had 3–12321 to 91–442342',
  ])
  expect(differences({ size: [16, 50, 36] }, hippocampi, WHOLE)).toEqual([
    'field of view 16×50×36 mm; the training scans had 31–43 × 40–59 × 24–47 mm',
  ])
  expect(differences({ turn: 35 }, hippocampi, WHOLE)).toEqual([
    'axes tilted by 35° (RAS); the training scans had up to 0° (RAS)',
  ])
})

test('a CT in another unit, an MR and an image of 8 bits are unlike the CT of a training', () => {
  const body: Made = { size: [120, 100, 90], voxel: [3, 3, 3] }
  for (const values of [
    [0, 1455],
    [-4, 692],
    [0, 255],
  ] satisfies [number, number][])
    expect(differences({ ...body, values }, bodies, CT)).toEqual([
      `intensities ${values[0]} to ${values[1]} (percentiles 0.5 to 99.5); the training scans had -1023…-1000 to 431–900`,
    ])
})

test.each<[string, Made, ScanRanges, Preparation]>([
  ['another hippocampus', { size: [38, 55, 42], values: [6, 100] }, hippocampi, WHOLE],
  ['one in another unit', { values: [14_402, 626_427] }, hippocampi, WHOLE],
  ['one a little larger than all', { size: [60, 80, 60] }, hippocampi, WHOLE],
  ['one of half the voxel size', { size: [72, 100, 72], voxel: [0.5, 0.5, 0.5] }, hippocampi, WHOLE],
  ['one that is angled', { turn: 15 }, hippocampi, WHOLE],
  ['a CT with padding below air', { size: [150, 120, 100], voxel: [2, 2, 2], values: [-2048, 500] }, bodies, CT],
  ['a CT cropped to soft tissue', { size: [100, 80, 80], voxel: [3, 3, 3], values: [-110, 190] }, bodies, CT],
  [
    'a CT much finer than the grid',
    { size: [1200, 900, 800], voxel: [0.3, 0.3, 0.3], values: [-1010, 700] },
    bodies,
    CT,
  ],
])('%s is like the training scans', (_, scan, trained, preparation) => {
  expect(differences(scan, trained, preparation)).toEqual([])
})

test('every training scan is like the training scans', () => {
  for (const scan of [made({ size: [31, 40, 24], values: [3, 91] }), hippocampi])
    expect(scanDifferences(scan, hippocampi, WHOLE, '')).toEqual([])
  expect(scanDifferences(bodies, bodies, CT, '')).toEqual([])
})

test('of several channels the line says which', () => {
  const two = (values: [number, number]): ScanRanges => {
    const one = made({}).intensities[0]!
    return { ...made({}), intensities: [one, made({ values }).intensities[0]!] }
  }
  const preparation = { ...WHOLE, intensity: [percentiles, percentiles] }
  expect(scanDifferences(two([-900, 900]), two([0, 900]), preparation, 'the others had')).toEqual([
    'channel 1: intensities -900 to 900 (percentiles 0.5 to 99.5); the others had 0 to 900',
  ])
})

test('ranges survive JSON; what is none is refused with its place', () => {
  const stored = JSON.parse(JSON.stringify({ ...hippocampi, later: 'unknown keys are ignored' }))
  expect(parseScanRanges(stored, 'm')).toEqual(hippocampi)
  const failure = (): unknown => parseScanRanges({ ...stored, voxel_size_mm: [[1, 1]] }, 'data/metadata.json')
  expect(failure).toThrow(InputError)
  expect(failure).toThrow(/^data\/metadata\.json: training_scans\.voxel_size_mm: [^\n]*$/)
})

test('preparations differ in the grid that the model sees and in the rules, not in the number of voxels', () => {
  const seen = (preparation: Preparation, seenAt: ImageSize = [32, 48, 32]) => ({ ...preparation, seenAt })
  expect(preparationDifferences(seen(WHOLE), seen({ ...WHOLE, image_size: [64, 96, 64] }))).toEqual([])
  const fine: Preparation = { ...CT, frame: { kind: 'spacing', spacing_mm: [1.5, 1.5, 1.5] }, image_size: [64, 96, 64] }
  expect(preparationDifferences(seen(fine), seen(CT))).toEqual([])
  expect(preparationDifferences(seen(fine, [64, 96, 64]), seen(CT))).toEqual([
    'voxels of 1.5×1.5×1.5 mm, not voxels of 3×3×3 mm',
  ])
  expect(preparationDifferences(seen(WHOLE), seen(CT))).toEqual([
    'the whole field of view, not voxels of 3×3×3 mm',
    'intensities percentiles 0.5 to 99.5, not -160 to 240',
  ])
})

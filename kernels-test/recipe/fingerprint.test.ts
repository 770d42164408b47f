import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { datasetMaterial } from '../../src/recipe/dataset_material.ts'
import { fingerprintSchema } from '../../src/recipe/fingerprint_schema.ts'
import { intensityRulesFor } from '../../src/recipe/intensity_plan.ts'
import { scanMaterial } from '../../src/recipe/scan_material.ts'
import { isSided, mirroringOf } from '../../src/recipe/sides.ts'
import { folders, SIZE, writeVolume } from '../data/import/input.ts'
import { temporaryDirectory, writeDataset } from '../data/small_dataset.ts'
import { fingerprintOfScans, scanOf } from './measured.ts'

const root = temporaryDirectory()

test('volumes, faces and reach of blocks are those of their edges', () => {
  const block = { low: [2, 3, 4], end: [6, 8, 6] } as const
  const scan = scanOf('a', [16, 16, 16], [1, 2, 3], [{ low: [...block.low], end: [...block.end] }])
  const [shape] = scan.shapes
  expect(shape).toEqual({ voxels: 4 * 5 * 2, faces: [2 * 5 * 2, 2 * 4 * 2, 2 * 4 * 5], ...block })
  const { structures, reach, extent } = fingerprintOfScans([scan], ['liver'])
  expect(structures[0]).toMatchObject({
    presence_rate: 1,
    volume: { median: 40 * 6 },
    volume_ml: { median: 0.24 },
    faces: [20 * 6, 16 * 3, 40 * 2],
    extent: [4, 10, 6],
  })
  // the centre is at voxel 8
  expect(reach.map(({ greatest }) => greatest)).toEqual([2 * 6, 2 * 5 * 2, 2 * 4 * 3])
  expect(extent.map(({ median }) => median)).toEqual([16, 32, 48])
})

test('a face at the edge of the volume, or between two labels of one structure, is none', () => {
  const whole = scanOf('a', [16, 16, 16], [1, 1, 1], [{ low: [0, 0, 0], end: [16, 16, 8] }])
  expect(whole.shapes[0]!.faces).toEqual([0, 0, 256])
})

test('the fingerprint of scans: presence, subjects, orientation; the same twice, and valid', async () => {
  const { sources } = folders(join(root, 'scans'), 6)
  const source = { ...sources[0]!, subjectPattern: '^(s)' }
  const first = (await scanMaterial({ sources: [source], skipBad: false })).fingerprint
  const again = (await scanMaterial({ sources: [source], skipBad: false })).fingerprint
  expect(JSON.stringify(again)).toBe(JSON.stringify(first))
  expect(fingerprintSchema.parse(first)).toEqual(first)
  expect(first).toMatchObject({ scans: 6, subjects: 1, unit: 'mm', orientations: { RAS: 6 } })
  expect(first.structures.map(({ name, present, absent }) => [name, present, absent])).toEqual([
    ['label_1', 6, 0],
    ['label_2', 3, 3],
  ])
  expect(first.size.map(({ median }) => median)).toEqual(SIZE)
})

test('CT, by its name or by the Hounsfield units of air, gets a window of the values in structures; others percentiles', async () => {
  const folder = join(root, 'ct')
  for (const n of [0, 1]) {
    writeVolume(join(folder, 'images', `s${n}.nii`), { value: v => (v < 900 ? 40 + (v % 7) : -1000 + n) })
    writeVolume(join(folder, 'labels', `s${n}.nii`), { type: 2, value: v => Number(v < 900) })
  }
  const source = { images: join(folder, 'images'), labels: join(folder, 'labels') }
  const { fingerprint } = await scanMaterial({ sources: [source], skipBad: false })
  expect(fingerprint.channels[0]).toMatchObject({ modality: 'CT', modality_from: expect.stringContaining('air') })
  expect(intensityRulesFor(fingerprint)).toMatchObject([{ rule: { kind: 'window', low: 40, high: 46 } }])
  const other = { ...fingerprint, channels: [{ ...fingerprint.channels[0]!, modality: 'MR' as const }] }
  expect(intensityRulesFor(other)).toMatchObject([{ rule: { kind: 'percentile', low: 0.5, high: 99.5 } }])
})

test('a dataset without voxel spacings is measured in voxels, with a warning', async () => {
  const folder = join(root, 'dataset')
  mkdirSync(folder)
  await writeDataset(folder, { samples: 4, structures: 3, imageSize: [32, 16, 16] })
  const { fingerprint, warnings, stored } = await datasetMaterial(folder)
  expect(warnings).toEqual([expect.stringContaining('states no voxel_spacing')])
  expect(fingerprint).toMatchObject({ unit: 'voxel', scans: 4, source: 'dataset' })
  expect(fingerprint.structures[0]!.volume_ml).toBeNull()
  expect(stored).toEqual({ size: [32, 16, 16], patches: false })
})

test('data from which nothing can be learned are refused in one line', async () => {
  const folder = join(root, 'empty')
  const none = { samples: 2, structures: 1, imageSize: [16, 16, 16] as [number, number, number], presence: () => 0 }
  mkdirSync(folder)
  await writeDataset(folder, none)
  await expect(datasetMaterial(folder)).rejects.toThrow(/no structure is present in any sample/)
  const [images, labels] = [join(root, 'bare', 'images'), join(root, 'bare', 'labels')]
  writeVolume(join(images, 'a.nii'), { value: v => v % 9 })
  await expect(scanMaterial({ sources: [{ images }], skipBad: false })).rejects.toThrow(/expected --labels/)
  writeVolume(join(labels, 'a.nii'), { type: 2, value: () => 0 })
  const absent = { images, labels, structures: [{ name: 'liver', marks: [1] }] }
  await expect(scanMaterial({ sources: [absent], skipBad: false })).rejects.toThrow(
    /no structure is present in any scan/,
  )
})

test('a flip is lawful where every side has its counterpart, and nowhere else', () => {
  const named = (...names: [string, string | null][]) => names.map(([name, mirrored]) => ({ name, mirrored }))
  expect(mirroringOf(named(['left_lung', 'right_lung'], ['right_lung', 'left_lung'], ['heart', null])).isLawful).toBe(
    true,
  )
  expect(mirroringOf(named(['left_lung', null], ['heart', null]))).toMatchObject({
    isLawful: false,
    reason: expect.stringContaining('left_lung'),
  })
  expect(mirroringOf(named(['Anterior', null], ['Posterior', null])).isLawful).toBe(false)
  expect(['lh_hippocampus', 'kidney-L', 'Left_lung'].every(isSided)).toBe(true)
  expect(['L1', 'liver', 'clavicle', 'vertebrae_L5'].some(isSided)).toBe(false)
})

import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDataset } from '../../../src/data/dataset/dataset.ts'
import { importScans } from '../../../src/data/import/import.ts'
import { temporaryDirectory, writeMetadata } from '../small_dataset.ts'
import { datasetOf, folders, optionsFor, SIZE, writeVolume } from './input.ts'

const root = temporaryDirectory()

/** Scan n has voxels of n + 1 mm and intensities around 100·n. */
function writeScans(folder: string, scans: readonly number[]): { images: string; labels: string } {
  const [images, labels] = [join(folder, 'images'), join(folder, 'labels')]
  for (const n of scans) {
    const affine = [0, 1, 2].map(row => [0, 1, 2, 3].map(column => (row === column ? n + 1 : 0)))
    writeVolume(join(images, `s${n}.nii`), { affine, value: v => 100 * n + (v === 5 * n ? 0 : v % 128) })
    writeVolume(join(labels, `s${n}.nii`), { affine, type: 2, value: v => Number(v < 900) })
  }
  return { images, labels }
}

test('metadata.json holds the ranges of the training scans, before preparation, and of no others', async () => {
  const sources = [
    { ...writeScans(join(root, 'train'), [0, 2]), name: 'a', split: 'train' as const },
    { ...writeScans(join(root, 'val'), [7]), name: 'b', split: 'val' as const },
  ]
  const options = { ...optionsFor(join(root, 'out'), sources[0]!, { imageSize: SIZE }), sources }
  await importScans(options)
  const metadata = datasetOf(options)
  expect(metadata.training_scans).toEqual({
    scans: 2,
    orientations: ['RAS'],
    tilt_degrees: [0, 0],
    voxel_size_mm: [
      [1, 3],
      [1, 3],
      [1, 3],
    ],
    field_of_view_mm: [
      [16, 48],
      [32, 96],
      [16, 48],
    ],
    intensities: [{ low: [0, 200], high: [127, 327], zero: [-1.5748, 0] }],
  })
  expect(metadata).not.toHaveProperty('channel_names')
  expect((await openDataset(options.outputDir)).trainingScans).toEqual(metadata.training_scans)
})

test('a dataset imported before has no ranges and is opened as ever; wrong facts are refused with their place', async () => {
  const options = folders(join(root, 'earlier'), 4)
  await importScans(options)
  const { training_scans, ...earlier } = datasetOf(options)
  writeMetadata(options.outputDir, earlier)
  const dataset = await openDataset(options.outputDir)
  expect([dataset.trainingScans, dataset.channelNames]).toEqual([undefined, undefined])
  writeMetadata(options.outputDir, { ...earlier, channel_names: ['T1', 'T2'] })
  await expect(openDataset(options.outputDir)).rejects.toThrow(
    /metadata\.json: channel_names has 2 names, images have 1 channels$/,
  )
  writeMetadata(options.outputDir, { ...earlier, training_scans: { ...training_scans, scans: 0 } })
  await expect(openDataset(options.outputDir)).rejects.toThrow(/metadata\.json: training_scans\.scans: [^\n]*$/)
})

import { copyFileSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Json } from '../../src/checkpoint/fields.ts'
import { writePth } from '../../src/checkpoint/pth_file.ts'
import { stateDict } from '../../src/checkpoint/state_dict.ts'
import { readWeights } from '../../src/checkpoint/weights.ts'
import { defaultConfig } from '../../src/config/schema.ts'
import { writeNifti } from '../../src/data/scan/nifti/writer.ts'
import type { PredictionRequest } from '../../src/predict/job.ts'
import { predict } from '../../src/predict/predict.ts'
import type { ImageSize } from '../../src/util/shape.ts'
import { sizeOf } from '../../src/util/shape.ts'
import { temporaryDirectory, writeDataset, writeMetadata, writeSplit } from '../data/small_dataset.ts'
import { onOneDevice } from '../one_device.ts'
import { writeSmallModel } from './small_model.ts'

const folder = temporaryDirectory()
const SIZE: ImageSize = [16, 16, 16]
const names = ['anterior', 'posterior']

const whole: { [key: string]: Json } = {
  orientation: 'RAS',
  frame: { kind: 'field_of_view' },
  image_size: SIZE,
  intensity: [{ kind: 'percentile', low: 0.5, high: 99.5 }],
}
/** Crops of a head, in arbitrary units. */
const training_scans: Json = {
  scans: 6,
  orientations: ['RAS'],
  tilt_degrees: [0, 3],
  voxel_size_mm: [
    [1, 1],
    [1, 1],
    [1, 1],
  ],
  field_of_view_mm: [
    [33, 36],
    [46, 52],
    [27, 42],
  ],
  intensities: [{ low: [7, 9338], high: [100, 379736], zero: [-0.075, -0.025] }],
}
const head = modelAt('head.pth', { preparation: whole, training_scans })
const earlier = modelAt('earlier.pth', { preparation: whole })

function modelAt(name: string, sadaan: Record<string, Json>, inChannels = 1): string {
  const path = join(folder, name)
  writeSmallModel(path, names, { size: SIZE, inChannels }, sadaan)
  return path
}

/** A scan of cubic voxels with these intensities, evenly spread. */
function scanAt(name: string, size: ImageSize, millimetres: number, [low, high]: [number, number]): string {
  const path = join(folder, name)
  const voxels = sizeOf(size)
  const affine = [0, 1, 2].map(row => [0, 1, 2, 3].map(column => (row === column ? millimetres : 0)))
  const values = Float32Array.from({ length: voxels }, (_, v) => low + ((high - low) * v) / (voxels - 1))
  writeNifti(path, values, { size, affine: affine as never })
  return path
}

/** A dataset of train, val and test with this metadata. */
async function datasetAt(name: string, metadata: Record<string, Json>, channels?: number): Promise<string> {
  const path = join(folder, name)
  mkdirSync(path)
  const split = { samples: 2, structures: 2, imageSize: SIZE, ...(channels && { channels }) }
  await writeDataset(path, split)
  copyFileSync(join(path, 'val.h5'), join(path, 'test.h5'))
  writeMetadata(path, { structure_names: names, image_size: SIZE, ...metadata })
  return path
}

let runs = 0

async function run(weights: string, input: string | string[], more: Partial<PredictionRequest> = {}) {
  const config = defaultConfig()
  config.compute.adapter = process.env.SADAAN_ADAPTER ?? null
  config.training.batch_size = 2
  const output = join(folder, `out${runs++}`)
  const lines: string[] = []
  const say = (line: string): number => lines.push(line)
  const request = { config, weights, input, split: 'test' as const, output, raw: false, say, progress: () => undefined }
  const prediction = await onOneDevice(() => predict({ ...request, ...more }))
  const read = (name: string): string => readFileSync(join(output, name), 'utf8')
  const warnings = lines.filter(line => line.startsWith('warning: '))
  return {
    prediction,
    warnings,
    table: read('presence.csv').trimEnd().split('\n'),
    record: JSON.parse(read('presence.json')),
  }
}

const crop = scanAt('crop.nii.gz', [35, 50, 36], 1, [3, 900])
const abdomen = scanAt('abdomen.nii.gz', [61, 50, 56], 6, [-1024, 440])

test('a scan unlike the training scans is warned of, one line per kind, and the tables keep it', async () => {
  const { warnings, table, record, prediction } = await run(head, [crop, abdomen])
  const expected = [
    'field of view 366×300×336 mm; the training scans had 33–36 × 46–52 × 27–42 mm',
    'voxels of 6×6×6 mm; the training scans had 1×1×1 mm',
    'intensities -1017 to 433 (percentiles 0.5 to 99.5); the training scans had 7–9338 to 100–379736',
  ]
  expect(warnings).toEqual(expected.map(line => `warning: ${abdomen}: ${line}`))
  expect(record.samples.map((each: { warnings: string[] }) => each.warnings)).toEqual([[], expected])
  expect(record.warnings).toEqual([])
  expect(prediction.found).toEqual(record.samples)
  expect(table[0]).toMatch(/,scan,warnings$/)
  expect(table.slice(1).map(line => line.slice(line.indexOf(',0.5,') + 5))).toEqual([
    'crop,',
    'crop,',
    `abdomen,${expected.join(' | ')}`,
    `abdomen,${expected.join(' | ')}`,
  ])
})

test('a model of an earlier version says nothing, and predicts the same', async () => {
  const { warnings, record, prediction } = await run(earlier, abdomen)
  expect([warnings, record.samples[0].warnings]).toEqual([[], []])
  const known = await run(head, abdomen)
  expect(prediction.found[0]!.structures).toEqual(known.prediction.found[0]!.structures)
})

test('a dataset prepared otherwise is warned of, as a folder and as its file', async () => {
  const preparation = { ...whole, intensity: [{ kind: 'window', low: -160, high: 240 }] }
  const dataset = await datasetAt('windowed', { preparation })
  const expected = [
    `${dataset} was prepared otherwise than the training data of ${head}: intensities -160 to 240, not percentiles 0.5 to 99.5`,
  ]
  for (const input of [dataset, join(dataset, 'test.h5')]) {
    const { warnings, record, prediction } = await run(head, input)
    expect(warnings).toEqual(expected.map(line => `warning: ${line}`))
    expect([record.warnings, prediction.warnings]).toEqual([expected, expected])
  }
})

test('nothing is said of a dataset that agrees, nor of files that state nothing', async () => {
  const alike = await datasetAt('alike', { preparation: whole, training_scans })
  const silent = await datasetAt('silent', {})
  const unrelated = join(folder, 'unrelated')
  mkdirSync(unrelated)
  await writeSplit(join(unrelated, 'test.h5'), { samples: 1, structures: 2, imageSize: SIZE })
  writeMetadata(unrelated, { title: 'of another program' })
  for (const input of [alike, silent, join(unrelated, 'test.h5')]) expect((await run(head, input)).warnings).toEqual([])
})

test('a model without facts takes the names of the dataset whose file it is given', async () => {
  const bare = join(folder, 'bare.pth')
  writePth(bare, stateDict(readWeights(head)))
  const dataset = await datasetAt('named', { structure_names: ['aorta', 'vein'], preparation: whole })
  for (const input of [dataset, join(dataset, 'test.h5')]) {
    const { warnings, record } = await run(bare, input)
    expect([warnings, record.structure_names]).toEqual([[], ['aorta', 'vein']])
  }
})

test('images whose voxels are as long as the file says are compared with those of the model', async () => {
  const spaced = modelAt('spaced.pth', { preparation: { ...whole, frame: { kind: 'spacing', spacing_mm: [1, 1, 2] } } })
  const fileAt = async (name: string, spacing: [number, number, number]): Promise<string> => {
    const path = join(folder, name)
    await writeSplit(path, { samples: 1, structures: 2, imageSize: [32, 16, 16], spacing })
    return path
  }
  const coarse = await fileAt('coarse.h5', [3, 3, 3])
  // resampled to half as many voxels along H, which are twice as long
  expect((await run(spaced, coarse)).record.warnings).toEqual([
    `${coarse}: voxels of 6×3×3 mm; ${spaced} was trained on 1×1×2 mm`,
  ])
  expect((await run(spaced, await fileAt('fitting.h5', [0.5, 1, 2]))).record.warnings).toEqual([])
  expect((await run(head, coarse)).record.warnings).toEqual([])
})

test('channels in another order are refused', async () => {
  const two = modelAt('two.pth', { channel_names: ['T1', 'T2'] }, 2)
  const dataset = await datasetAt('channels', { channel_names: ['T2', 'T1'] }, 2)
  await expect(run(two, dataset)).rejects.toThrow(
    `${dataset}: its channels are T2, T1, ${two} expects T1, T2; import the scans with the channels in this order`,
  )
})

import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import type { Json } from '../../src/checkpoint/fields.ts'
import { writePth } from '../../src/checkpoint/pth_file.ts'
import { stateDict } from '../../src/checkpoint/state_dict.ts'
import { defaultConfig } from '../../src/config/schema.ts'
import { evaluate } from '../../src/evaluate/evaluate.ts'
import { InputError } from '../../src/util/error.ts'
import { type SmallSplit, temporaryDirectory, writeDataset, writeMetadata } from '../data/small_dataset.ts'
import { goldenPaths, openGolden } from '../golden/golden_file.ts'
import { onOneDevice } from '../one_device.ts'
import { checkpointOf, finalWeights } from '../predict/golden_model.ts'

const SIZE: [number, number, number] = [16, 16, 32]
const folder = temporaryDirectory()
const tensors = finalWeights(await openGolden(goldenPaths[0]!))

const preparation: Json = {
  orientation: 'RAS',
  frame: { kind: 'spacing', spacing_mm: [1, 1, 2] },
  image_size: SIZE,
  intensity: [{ kind: 'window', low: -160, high: 240 }],
}
const ranges = (extent: number): { [key: string]: Json } => {
  const along = (length: number): Json => [0, 1, 2].map(() => [length, length])
  const intensities = [{ low: [-1000, -900], high: [400, 500], zero: [0.65, 0.7] }]
  const shape = { voxel_size_mm: along(1), field_of_view_mm: along(extent), tilt_degrees: [0, 0] }
  return { scans: 4, orientations: ['RAS'], ...shape, intensities }
}

function modelAt(name: string, sadaan?: Record<string, Json>): string {
  const path = join(folder, name)
  writeCheckpoint(path, { ...checkpointOf(tensors, ['liver', 'spleen']), ...(sadaan && { sadaan }) })
  return path
}

/** A dataset whose structure at place s is number `at[s]` of these: liver, spleen, kidney. */
async function datasetAt(
  name: string,
  structure_names: string[],
  at: number[],
  more: { metadata?: Record<string, Json>; split?: Partial<SmallSplit> } = {},
): Promise<string> {
  const path = join(folder, name)
  mkdirSync(path)
  const structures = structure_names.length
  await writeDataset(path, { samples: 5, structures, imageSize: SIZE, structureAt: s => at[s]!, ...more.split })
  writeMetadata(path, { structure_names, image_size: SIZE, ...more.metadata })
  return path
}

const plain = modelAt('plain.pth')
const known = modelAt('known.pth', { preparation, channel_names: ['CT'], training_scans: ranges(300) })
const usual = await datasetAt('usual', ['liver', 'spleen'], [0, 1])
let runs = 0

async function evaluated(weights: string, dataset: string) {
  const config = defaultConfig()
  config.compute.adapter = process.env.SADAAN_ADAPTER ?? null
  config.training.batch_size = 2
  const output = join(folder, `out${runs++}`)
  const lines: string[] = []
  const say = (line: string): number => lines.push(line)
  const request = { config, weights, dataset, split: 'val' as const, output, say, progress: () => undefined }
  const evaluation = await onOneDevice(() => evaluate(request))
  return { ...evaluation, lines: lines.filter(line => !/^(adapter|memory)/.test(line)) }
}

async function refusal(weights: string, dataset: string): Promise<string> {
  const output = join(folder, `out${runs}`)
  const failure = await evaluated(weights, dataset).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(InputError)
  expect(existsSync(output)).toBe(false)
  return (failure as InputError).message
}

test('a dataset with its structures in another order has the same metrics: they are matched by name', async () => {
  const swapped = await datasetAt('swapped', ['spleen', 'liver'], [1, 0])
  const [one, other] = [await evaluated(plain, usual), await evaluated(plain, swapped)]
  expect(one.lines).toEqual([])
  expect(other.lines).toEqual([`${swapped} has its structures in another order than ${plain}: matched by name`])
  expect(one.metrics.segmentation_overall.mean_dice).toBeGreaterThan(0.01)
  for (const file of ['metrics', 'cases', 'report'] as const)
    expect(readFileSync(other.files[file], 'utf8').replace(swapped, usual)).toBe(readFileSync(one.files[file], 'utf8'))
})

test('structures that only one of them has are left out with a warning, and the others keep their metrics', async () => {
  const partial = await datasetAt('partial', ['kidney', 'spleen'], [2, 1])
  const whole = await evaluated(plain, usual)
  const { lines, metrics, cases, head, files } = await evaluated(plain, partial)
  expect(head.warnings).toEqual([
    `${partial} does not annotate liver: not evaluated`,
    `${plain} does not predict kidney of ${partial}: left out`,
  ])
  expect(lines).toEqual(head.warnings.map(line => `warning: ${line}`))
  for (const line of head.warnings) expect(readFileSync(files.report, 'utf8')).toContain(`\nwarning   ${line}\n`)
  expect(metrics.segmentation_per_structure.spleen).toEqual(whole.metrics.segmentation_per_structure.spleen)
  expect(metrics.presence_per_structure.spleen).toEqual(whole.metrics.presence_per_structure.spleen)
  expect(metrics.segmentation_per_structure.liver).toMatchObject({ num_samples: 0, mean_dice: null })
  expect(cases).toEqual(whole.cases.filter(({ structure }) => structure === 'spleen'))
})

test('without a structure in common there is nothing to evaluate', async () => {
  const foreign = await datasetAt('foreign', ['aorta', 'vein'], [0, 1])
  expect(await refusal(plain, foreign)).toBe(
    `${foreign}: has the structures aorta, vein, ${plain} predicts liver, spleen: none in common; if some are the same, give them the same name in structure_names of metadata.json`,
  )
})

test('a model that names nothing has the structures of the dataset, in their order', async () => {
  const bare = join(folder, 'bare.pth')
  writePth(bare, stateDict(tensors))
  const named = await datasetAt('named', ['aorta', 'vein'], [0, 1], { metadata: { preparation } })
  const { lines, metrics } = await evaluated(bare, named)
  expect(lines).toEqual([])
  const { liver, spleen } = (await evaluated(plain, usual)).metrics.segmentation_per_structure
  expect(metrics.segmentation_per_structure).toEqual({ aorta: liver, vein: spleen })
})

test('another preparation, other channels and other scans are said, with both figures, and kept in the report', async () => {
  const metadata = {
    preparation: {
      orientation: 'RAS',
      frame: { kind: 'spacing', spacing_mm: [3, 3, 3] },
      image_size: SIZE,
      intensity: [{ kind: 'percentile', low: 0.5, high: 99.5 }],
    },
    channel_names: ['MRI'],
    training_scans: ranges(50),
    patches: true,
  }
  const other = await datasetAt('other', ['liver', 'spleen'], [0, 1], { metadata })
  const { lines, head } = await evaluated(known, other)
  expect(head.warnings).toEqual([
    `${other} has the channels MRI, ${known} was trained on CT`,
    `${other} was prepared otherwise than the training data of ${known}: voxels of 3×3×3 mm, not voxels of 1×1×2 mm; intensities percentiles 0.5 to 99.5, not -160 to 240`,
    `${other} holds patches of scans, ${known} was trained on whole scans`,
    `${other}: field of view 50×50×50 mm; the training scans of ${known} had 300×300×300 mm`,
  ])
  expect(lines).toEqual(head.warnings.map(line => `warning: ${line}`))
})

test('nothing is said of facts that agree, or that only one of them states', async () => {
  const agreeing = { preparation, channel_names: ['CT'], training_scans: ranges(330) }
  const alike = await datasetAt('alike', ['liver', 'spleen'], [0, 1], { metadata: agreeing })
  for (const [weights, dataset] of [
    [known, alike],
    [known, usual],
    [plain, alike],
  ] as const)
    expect((await evaluated(weights, dataset)).lines).toEqual([])
})

test('channels in another order are refused', async () => {
  const two = modelAt('two.pth', { channel_names: ['T1', 'T2'] })
  expect(await refusal(two, usual)).toBe(`${two}: channel_names has 2 names, expected 1 as encoder.enc1.0.weight has`)
})

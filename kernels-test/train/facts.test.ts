import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readCheckpoint, writeCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import type { Json } from '../../src/checkpoint/fields.ts'
import { writePth } from '../../src/checkpoint/pth_file.ts'
import { stateDict } from '../../src/checkpoint/state_dict.ts'
import { defaultConfig } from '../../src/config/schema.ts'
import { openDataset } from '../../src/data/dataset/dataset.ts'
import { Hdf5File } from '../../src/data/hdf5/file.ts'
import { predict } from '../../src/predict/predict.ts'
import { fittedWeights, rowsByName } from '../../src/run/fitted_weights.ts'
import type { Weights } from '../../src/run/model_weights.ts'
import { openTrainedModel } from '../../src/run/open_model.ts'
import { fingerprintOf } from '../../src/train/data_fingerprint.ts'
import { pretrainedWeights } from '../../src/train/pretrained.ts'
import { checkSameData } from '../../src/train/resume.ts'
import { temporaryDirectory, writeMetadata } from '../data/small_dataset.ts'
import { relativeError } from '../numbers.ts'
import { onOneDevice } from '../one_device.ts'
import { writeSmallModel } from '../predict/small_model.ts'
import { SMALL, STRUCTURES, smallDataset, trainHere } from './training_here.ts'

const root = temporaryDirectory()
const SIZE: [number, number, number] = [32, 16, 16]
const shape = { structures: 3, size: SIZE, inChannels: 1, channels: [2, 4, 4, 6, 8] } as const
const preparation: Json = {
  orientation: 'RAS',
  frame: { kind: 'field_of_view' },
  image_size: SIZE,
  intensity: [{ kind: 'zscore', deviations: 4 }],
}
const along: Json = [0, 1, 2].map(() => [30, 40])
const training_scans: Json = {
  ...{ scans: 3, orientations: ['RAS'], tilt_degrees: [0, 1.5], voxel_size_mm: along, field_of_view_mm: along },
  intensities: [{ low: [0, 0.5], high: [90, 100] }],
}
const metadata = { structure_names: STRUCTURES, image_size: SIZE, channel_names: ['MRI'], preparation, training_scans }
const dataset = await smallDataset(join(root, 'dataset'), 2, 1)
writeMetadata(dataset, metadata)
const words = [...SMALL, `dataset_path=${dataset}`, 'training.num_epochs=1']
/** So that the weights stay as they start. */
const frozen = ['training.learning_rate=1e-30', 'training.warmup_epochs=0', 'optimizer.lr_min=0', 'model.dropout=0']

function modelAt(name: string, structureNames: string[]): string {
  const path = join(root, name)
  writeSmallModel(path, structureNames, { size: SIZE, inChannels: 1 })
  return path
}

test('a model whose structures change places predicts the same for each of them', async () => {
  const original = modelAt('original.pth', STRUCTURES)
  const rows = [2, 0, 1]
  const moved = join(root, 'moved.pth')
  writePth(moved, stateDict(new Map(movedWeights(original, rows))))
  const [before, after] = [await outputsOf(original), await outputsOf(moved)]
  for (const [name, values] of Object.entries(before)) {
    const length = values.length / rows.length
    const expected = rows.flatMap(row => [...values.subarray(row * length, (row + 1) * length)])
    expect(relativeError(after[name]!, expected), name).toBeLessThan(1e-6)
    expect(relativeError(values, expected), name).toBeGreaterThan(1e-3)
  }
})

/** The model with structure `rows[s]` in the place of s; all of it. */
function movedWeights(path: string, rows: readonly number[]): Weights {
  const { weights, partly, drawn } = fittedWeights(
    shape,
    { seed: 0 },
    {
      weights: openTrainedModel(path).weights,
      rows,
      isLeftOut: () => false,
    },
  )
  expect([...partly, ...drawn]).toEqual([])
  return weights
}

/** Every output of the model for one sample, by name, (S, …). */
async function outputsOf(weights: string): Promise<Record<string, Float32Array>> {
  const config = defaultConfig()
  config.compute.adapter = process.env.SADAAN_ADAPTER ?? null
  const output = `${weights}.out`
  const input = join(dataset, 'val.h5')
  const request = { config, weights, input, split: 'val' as const, output, raw: true }
  await onOneDevice(() => predict({ ...request, say: () => undefined, progress: () => undefined }))
  const file = await Hdf5File.open(join(output, 'raw.h5'))
  const names = ['attention_maps', 'feature_responses', 'alignment_scores', 'absence_logits', 'confidence_scores']
  const outputs = [...names, 'presence_probs', 'segmentation_logits'].map(name => {
    const stored = file.dataset(name)
    return [name, Float32Array.from(file.read(stored, 0, stored.shape[0]!))]
  })
  file.close()
  return Object.fromEntries(outputs)
}

test('structures take the row of their name, once; those without a namesake take none', () => {
  expect(rowsByName(['a', 'b', 'c'], ['c', 'a', 'b'])).toEqual([2, 0, 1])
  expect(rowsByName(['a', 'b', 'c'], ['x', 'c', 'y'])).toEqual([-1, 2, -1])
  expect(rowsByName(['a', 'a'], ['a', 'a', 'a'])).toEqual([0, 1, -1])
})

test('model.pretrained: weights follow the names of the structures, and differences are said', async () => {
  const [left, right, heart] = STRUCTURES as [string, string, string]
  const swapped = modelAt('swapped.pth', [heart, left, right])
  const { lines } = await trainHere(join(root, 'named'), [...words, ...frozen, `model.pretrained=${swapped}`])
  const note = `${swapped} has the structures in another order than ${dataset}: their weights are matched by name`
  expect(lines).toContain(note)
  expect(lines.filter(line => line.startsWith('warning'))).toEqual([])
  const started = openTrainedModel(join(root, 'named/checkpoints/last.pth')).weights
  for (const [name, { data }] of movedWeights(swapped, [1, 2, 0]))
    if (!/running_|num_batches_tracked/.test(name)) {
      const moved = [...data.entries()].map(([i, value]) =>
        Math.abs(Number(value) - Number(started.get(name)!.data[i])),
      )
      expect(Math.max(...moved), name).toBeLessThan(1e-29)
    }

  const others = modelAt('others.pth', ['kidney', heart, 'spleen'])
  expect(await linesOf(others, dataset)).toEqual([
    `${others}: 159 of 171 tensors are taken; drawn anew: what belongs to left_lung, right_lung (not among its structures)`,
  ])
})

/** What is said when a training on a dataset starts from these weights. */
async function linesOf(weights: string, data: string): Promise<string[]> {
  const lines: string[] = []
  pretrainedWeights(weights, { dataset: await openDataset(data), shape, initialisation: { seed: 3 } }, line =>
    lines.push(line),
  )
  return lines
}

test('checkpoints carry the facts of the dataset, and the weights of one are compared with another dataset', async () => {
  await trainHere(join(root, 'facts'), words)
  const best = join(root, 'facts/checkpoints/best_model.pth')
  expect(openTrainedModel(best)).toMatchObject({ channelNames: ['MRI'], preparation, trainingScans: training_scans })
  const other = await smallDataset(join(root, 'windowed'), 2, 1)
  const window = { kind: 'window', low: -160, high: 240 }
  writeMetadata(other, {
    ...metadata,
    channel_names: ['CT'],
    preparation: { ...(preparation as object), intensity: [window] },
  })
  expect(await linesOf(best, other)).toEqual([
    `warning: ${other} has the channels CT, ${best} was trained on MRI`,
    `warning: ${other} was prepared otherwise than the training data of ${best}: intensities -160 to 240, not mean ± 4 sd`,
  ])
})

test('a training is not resumed with data that were prepared otherwise, or with structures in another order', async () => {
  const path = join(root, 'facts/checkpoints/last.pth')
  const checkpoint = readCheckpoint(path)
  const { sadaan } = checkpoint
  const given = await openDataset(dataset)
  const progress = { data: fingerprintOf(given) } as never
  const lines: string[] = []
  const resume = (change: object): void =>
    checkSameData({ path, checkpoint, progress }, { ...given, ...change }, line => lines.push(line))
  resume({})
  resume({ preparation: undefined, channelNames: undefined, trainingScans: undefined })
  const intensity = [{ kind: 'window', low: -160, high: 240 }]
  expect(() => resume({ preparation: { ...given.preparation, intensity } })).toThrow(
    /was not trained on .*dataset: preparation: intensities -160 to 240, not mean ± 4 sd$/,
  )
  expect(() => resume({ patches: true })).toThrow(/: patches is true, was false$/)
  expect(() => resume({ channelNames: ['CT'] })).toThrow(/: channel_names is \["CT"\], was \["MRI"\]$/)
  expect(() => resume({ structureNames: [...STRUCTURES].reverse() })).toThrow(
    /: the structures are in another order: number 0 is heart, was left_lung$/,
  )
  expect(() => resume({ structureNames: ['left_lung', 'right_lung', 'aorta'] })).toThrow(
    /: structure 2 is aorta, was heart$/,
  )
  expect(lines).toEqual([])

  // a checkpoint of an earlier version states none of these
  const { preparation: _, patches, channel_names, training_scans: ranges, ...earlier } = sadaan!
  expect([patches, channel_names, ranges]).toEqual([false, ['MRI'], training_scans])
  mkdirSync(join(root, 'earlier/checkpoints'), { recursive: true })
  writeCheckpoint(join(root, 'earlier/checkpoints/last.pth'), { ...checkpoint, sadaan: earlier })
  const { epochs } = await trainHere(join(root, 'earlier'), [...words, 'training.num_epochs=2'], true)
  expect(epochs).toBe(2)
})

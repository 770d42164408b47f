import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Dataset, openDataset } from '../../src/data/dataset/dataset.ts'
import { initialValues } from '../../src/nn/initialise.ts'
import { type SadaanShape, specify } from '../../src/nn/specification.ts'
import { openTrainedModel } from '../../src/run/open_model.ts'
import { type Pretrained, pretrainedWeights } from '../../src/train/pretrained.ts'
import { InputError } from '../../src/util/error.ts'
import { writeSafetensors } from '../checkpoint/safetensors_file.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { randomModel } from '../export/random_model.ts'
import { SMALL, STRUCTURES, smallDataset, trainHere } from './training_here.ts'

const root = temporaryDirectory()
const shape: SadaanShape = { structures: 3, size: [32, 16, 16], inChannels: 1, channels: [2, 4, 4, 6, 8] }
const folder = await smallDataset(join(root, 'dataset'), 2, 1)
const dataset = await openDataset(folder)
const path = join(root, 'model.safetensors')
writeSafetensors(path, {
  tensors: randomModel(shape, 'pretrained'),
  metadata: { structure_names: JSON.stringify(STRUCTURES) },
})
const { weights: own } = openTrainedModel(path)
const SEED = 5

interface Taken extends Pretrained {
  lines: string[]
}

function taken(change: Partial<SadaanShape>, structureNames: readonly string[] = STRUCTURES, from = path): Taken {
  const wanted = { ...shape, structures: structureNames.length, ...change }
  const lines: string[] = []
  const found = { ...dataset, structureNames } as Dataset
  return {
    ...pretrainedWeights(from, { dataset: found, shape: wanted, initialisation: { seed: SEED } }, line =>
      lines.push(line),
    ),
    lines,
  }
}

const HEAD = /^(attention_module|absence_detector|segmentation_head)\./
const PRIORS = 'attention_module.position_embeddings'

/** Checks that what is listed as taken is the file's and what is listed as drawn is the seed's. */
function expectOrigins({ weights, taken: whole, drawn }: Pretrained, wanted: SadaanShape): void {
  const entries = specify(wanted)
  const floats = entries.filter(({ role }) => role !== 'num_batches_tracked')
  expect([...weights.keys()].filter(name => !name.endsWith('num_batches_tracked')).sort()).toEqual(
    floats.map(({ name }) => name).sort(),
  )
  for (const name of whole) expect(weights.get(name), name).toEqual(own.get(name))
  for (const name of drawn) {
    const index = entries.findIndex(entry => entry.name === name)
    expect([...weights.get(name)!.data], name).toEqual([...initialValues(entries[index]!, index, { seed: SEED })])
  }
}

test('of an equal model everything is taken, and nothing is said', () => {
  const all = taken({})
  expectOrigins(all, shape)
  expect([...all.partly, ...all.drawn, ...all.lines]).toEqual([])
})

test('another size draws the position priors anew, and only them', () => {
  const other = taken({ size: [16, 32, 16] })
  expectOrigins(other, { ...shape, size: [16, 32, 16] })
  expect(other.drawn).toEqual([PRIORS])
  expect(other.lines).toEqual([
    `${path}: 170 of 171 tensors are taken; drawn anew: the position priors (16×32×16 voxels, not 32×16×16)`,
  ])
})

test('other features draw the head and the priors anew; encoder and decoder stay', () => {
  const other = taken({ features: 6 })
  expectOrigins(other, { ...shape, features: 6 })
  const encoder = specify(shape).filter(({ name, role }) => !HEAD.test(name) && role !== 'num_batches_tracked')
  const kept = encoder.map(({ name }) => name).filter(name => !name.startsWith('encoder.final_conv'))
  expect(other.taken).toEqual(kept)
  expect(other.lines).toEqual([
    `${path}: 116 of 171 tensors are taken; drawn anew: encoder.final_conv (other widths); the heads and position priors (6 features, not 16)`,
  ])
})

test('structures of which the file has none draw the head anew; some keep what is theirs and what all share', () => {
  const none = taken({}, ['spleen', 'liver'])
  expectOrigins(none, { ...shape, structures: 2 })
  expect(none.taken.filter(name => HEAD.test(name))).toEqual([])
  expect(none.drawn.every(name => HEAD.test(name))).toBe(true)
  expect(none.lines[0]).toMatch(
    /drawn anew: the heads and position priors \(spleen, liver, not left_lung, right_lung, heart\)$/,
  )

  const some = taken({}, ['spleen', 'heart'])
  expect(some.drawn).toEqual(
    ['0.weight', '0.bias', '3.weight', '3.bias', '5.weight', '5.bias'].map(
      layer => `absence_detector.absence_classifiers.0.${layer}`,
    ),
  )
  expect(some.weights.get('absence_detector.absence_classifiers.1.0.weight')).toEqual(
    own.get('absence_detector.absence_classifiers.2.0.weight'),
  )
  const voxels = 32 * 16 * 16
  const priors = some.weights.get(PRIORS)!
  const entries = specify({ ...shape, structures: 2 })
  const index = entries.findIndex(({ name }) => name === PRIORS)
  expect([...priors.data.subarray(0, voxels)]).toEqual([
    ...initialValues(entries[index]!, index, { seed: SEED }).subarray(0, voxels),
  ])
  expect([...priors.data.subarray(voxels)]).toEqual([...own.get(PRIORS)!.data.subarray(2 * voxels)])
  expect(some.partly).toContain(PRIORS)
  expect(some.lines).toEqual([
    `${path}: 159 of 165 tensors are taken; drawn anew: what belongs to spleen (not among its structures)`,
  ])
})

test('a file without names has the structures in order if there are as many, else none of them', () => {
  const nameless = join(root, 'nameless.safetensors')
  writeSafetensors(nameless, { tensors: new Map(own), metadata: {} })
  expect(taken({}, STRUCTURES, nameless)).toMatchObject({ drawn: [], partly: [], lines: [] })
  const two = taken({}, ['left_lung', 'heart'], nameless)
  expect(two.taken.filter(name => HEAD.test(name))).toEqual([])
  expect(two.lines[0]).toMatch(/drawn anew: the heads and position priors \(2 structures, not 3\)$/)
})

test('layers of other widths are drawn anew; weights of which none fits are refused', () => {
  const wider = taken({ channels: [2, 4, 4, 6, 10] })
  expectOrigins(wider, { ...shape, channels: [2, 4, 4, 6, 10] })
  expect(wider.lines).toEqual([
    expect.stringMatching(/drawn anew: encoder\.enc5\.0, encoder\.enc5\.1, .*encoder\.up4 \(other widths\)$/),
  ])
  const attempt = () => taken({ channels: [3, 5, 7, 9, 11] })
  expect(attempt).toThrow(InputError)
  expect(attempt).toThrow(/has channels 2, 4, 4, 6, 8, 16 features, and no layer .*, or model\.channels=\[2,4,4,6,8\]$/)
})

test('the run record says which tensors were taken', async () => {
  const words = [...SMALL, `dataset_path=${folder}`, 'training.num_epochs=1', `model.pretrained=${path}`]
  const { run, lines } = await trainHere(join(root, 'narrow'), [...words, 'model.features=8'])
  const [info, { resources }] = ['info', 'run'].map(name =>
    JSON.parse(readFileSync(join(run!, `${name}.json`), 'utf8')),
  )
  const { taken: whole, partly, drawn } = taken({ features: 8 })
  expect(info.pretrained).toEqual({ path, taken: whole, partly, drawn })
  expect(resources).toContainEqual([path, path])
  expect(lines.filter(line => line.startsWith(path))).toEqual([expect.stringMatching(/8 features, not 16/)])
})

import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Json } from '../../src/checkpoint/fields.ts'
import { writePth } from '../../src/checkpoint/pth_file.ts'
import { stateDict } from '../../src/checkpoint/state_dict.ts'
import { defaultConfig } from '../../src/config/schema.ts'
import { openEnsemble, thresholdOf, weightsOf } from '../../src/run/ensemble.ts'
import { InputError } from '../../src/util/error.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { type SmallShape, smallWeights, writeSmallModel } from '../predict/small_model.ts'

const folder = temporaryDirectory()
const SIZE: [number, number, number] = [16, 16, 16]
const NAMES = ['liver', 'spleen']

const windowed = (low: number): { [key: string]: Json } => ({
  orientation: 'RAS',
  frame: { kind: 'spacing', spacing_mm: [1, 1, 2] },
  image_size: SIZE,
  intensity: [{ kind: 'window', low, high: 240 }],
})
const ranges = (extent: number): Json => {
  const along = (length: number): Json => [0, 1, 2].map(() => [length, length])
  const intensities = [{ low: [-1000, -900], high: [400, 500], zero: [0.65, 0.7] }]
  return {
    scans: 4,
    orientations: ['RAS'],
    tilt_degrees: [0, 0],
    voxel_size_mm: along(1),
    field_of_view_mm: along(extent),
    intensities,
  }
}
const trainedWith = (presence_threshold: number): Json => ({ model: { presence_threshold } })

interface Made {
  names?: string[]
  shape?: Partial<SmallShape>
  sadaan?: Record<string, Json>
}

function modelAt(name: string, { names = NAMES, shape, sadaan = {} }: Made = {}): string {
  const path = join(folder, name)
  const facts = { preparation: windowed(-160), channel_names: ['CT'], ...sadaan }
  writeSmallModel(path, names, { size: SIZE, inChannels: 1, ...shape }, facts, name.length)
  return path
}

const first = modelAt('a.pth')
const request = { config: defaultConfig() }

describe('models that disagree are refused, naming both files and what they say', () => {
  test.each<[string, Made, string]>([
    ['structures.pth', { names: ['liver', 'kidney'] }, 'structures of its own: kidney, but FIRST: spleen'],
    ['fewer.pth', { names: ['liver'] }, 'number of structures: 1, but FIRST: 2'],
    ['size.pth', { shape: { size: [16, 16, 32] } }, 'size: 16×16×32, but FIRST: 16×16×16'],
    [
      'inputs.pth',
      { shape: { inChannels: 2 }, sadaan: { channel_names: ['CT', 'PET'] } },
      'input channels: 2, but FIRST: 1',
    ],
    ['channels.pth', { sadaan: { channel_names: ['MR'] } }, 'channel names: MR, but FIRST: CT'],
    ['patches.pth', { sadaan: { patches: true } }, 'trained on: patches, but FIRST: whole scans'],
    [
      'prepared.pth',
      { sadaan: { preparation: windowed(-100) } },
      'preparation: .*-100 to 240, but FIRST: .*-160 to 240',
    ],
  ])('%s', (name, made, message) => {
    const other = modelAt(name, made)
    const said = new RegExp(`${message.replace('FIRST', first)}; models can be averaged only if they agree$`)
    for (const given of [
      [first, other],
      [other, first],
    ]) {
      expect(() => openEnsemble(given)).toThrow(InputError)
      expect(() => openEnsemble(given)).toThrow(said)
      expect(() => openEnsemble(given)).toThrow(other)
    }
  })

  test('one that names no structures, one given twice, none', () => {
    const nameless = join(folder, 'nameless.pth')
    writePth(nameless, stateDict(smallWeights(2, { size: SIZE, inChannels: 1 })))
    expect(() => openEnsemble([first, nameless])).toThrow(`${nameless}: names of structures: none, but ${first}: known`)
    expect(() => openEnsemble([first, join(folder, '.', 'a.pth')])).toThrow(/a\.pth: given twice, expected each model/)
    expect(() => openEnsemble([])).toThrow(/^no weights, expected a model/)
  })

  test('thresholds, unless one is given', () => {
    const lower = modelAt('lower.pth', { sadaan: { config: trainedWith(0.3) } })
    const ensemble = openEnsemble([first, lower])
    expect(() => thresholdOf(ensemble, request)).toThrow(
      `${lower}: presence_threshold is 0.3, that of ${first} 0.5; name one: with model.presence_threshold=0.5`,
    )
    expect(thresholdOf(ensemble, { ...request, presenceThreshold: 0.4 })).toBe(0.4)
    expect(thresholdOf(openEnsemble(lower), request)).toBe(0.3)
  })
})

test('a single model is an ensemble of what its file holds', () => {
  const { models, common } = openEnsemble(first)
  expect(models).toHaveLength(1)
  expect(common).toEqual(models[0])
  expect(weightsOf({ models, common })).toBe(first)
})

test('the order in which models are given, and that of their structures, make no difference', () => {
  const turned = modelAt('turned.pth', { names: ['spleen', 'liver'], sadaan: { training_scans: ranges(300) } })
  const wider = modelAt('b.pth', { shape: { channels: [4, 4, 4, 6, 8], features: 12 } })
  const known = modelAt('known.pth', { sadaan: { training_scans: ranges(400) } })
  const ensemble = openEnsemble([wider, turned, first])
  expect(weightsOf(ensemble)).toEqual([first, wider, turned])
  expect(openEnsemble([first, wider, turned])).toEqual(ensemble)
  expect(ensemble.common).toMatchObject({ path: first, structureNames: NAMES, trainingScans: undefined })
  expect(openEnsemble([turned, known]).common.trainingScans).toMatchObject({
    field_of_view_mm: [0, 1, 2].map(() => [300, 400]),
  })
  const [prior, own] = ['attention_module.position_embeddings', openEnsemble(turned).models[0]!.weights]
  const half = own.get(prior)!.data.length / 2
  const rows = ensemble.models[2]!.weights.get(prior)!.data
  expect(rows.slice(0, half)).toEqual(own.get(prior)!.data.slice(half))
  expect(rows.slice(half)).toEqual(own.get(prior)!.data.slice(0, half))
})

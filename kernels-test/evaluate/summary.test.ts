import { expect, test } from 'vitest'
import { defaultConfig } from '../../src/config/schema.ts'
import { GUARANTEED_FACTS } from '../../src/graph/kernel.ts'
import { modelText, reportModel } from '../../src/inspect/model_summary.ts'
import { ModelState } from '../../src/nn/model_state.ts'
import type { SadaanShape } from '../../src/nn/specification.ts'
import { summarise } from '../../src/nn/summary.ts'
import { makePlan } from '../../src/plan/plan.ts'
import { batchTensors, recordPrediction } from '../../src/run/tapes.ts'
import { sizeOf } from '../../src/util/shape.ts'

const published: SadaanShape = { structures: 5, size: [64, 64, 64], inChannels: 1, channels: [16, 32, 64, 128, 256] }
const narrow: SadaanShape = { structures: 3, size: [32, 16, 48], inChannels: 2, channels: [4, 8, 6, 10, 12] }

test('parameters of the published sizes', () => {
  expect(summarise(published).parameters).toBe(8_019_230)
  expect(summarise(published).parametersOf).toStrictEqual({
    encoder: 5_650_016,
    attention: 1_975_818,
    absence: 60_911,
    segmentation: 332_485,
  })
  const of = (structures: number, size: [number, number, number]): number =>
    summarise({ ...published, structures, size }).parameters
  expect(of(13, [64, 64, 32])).toBe(8_498_766)
  expect(of(3, [128, 128, 64])).toBe(9_832_658)
  expect(of(13, [128, 128, 64])).toBe(20_426_318)
})

test('every parameter belongs to one layer', () => {
  for (const shape of [published, narrow]) {
    const { layers, parameters, parametersOf } = summarise(shape)
    const sum = (counts: number[]): number => counts.reduce((total, count) => total + count, 0)
    expect(sum(layers.map(layer => layer.parameters))).toBe(parameters)
    expect(sum(Object.values(parametersOf))).toBe(parameters)
  }
})

test('multiply-adds of the head: 117,504 a voxel merged, 884,736 as the original does', () => {
  const head = summarise(published).layers.filter(({ name }) =>
    /(attention_conv|feature_matcher|feature_refine)\.0$/.test(name),
  )
  const perVoxel = (figure: 'macs' | 'originalMacs'): number =>
    head.reduce((sum, layer) => sum + layer[figure], 0) / sizeOf(published.size)
  expect(perVoxel('macs')).toBe(117_504)
  expect(perVoxel('originalMacs')).toBe(27 * 128 * 256)
})

test('shapes are those that the recording has', () => {
  const state = new ModelState(narrow)
  const { calls, outputs } = recordPrediction(state, batchTensors(state, 1))
  const plan = makePlan('shapes', calls, Object.values(outputs), GUARANTEED_FACTS)
  const made = new Set(
    plan.dispatches.flatMap(({ bound }) =>
      bound.filter(({ writes }) => writes).map(({ tensor }) => tensor.shape.slice(1).join()),
    ),
  )
  for (const { name, output } of summarise(narrow).layers) expect(made, `${name} ${output}`).toContain(output.join())
})

test('says it in text, for a model without a dataset', async () => {
  const config = defaultConfig()
  config.model.num_structures = 13
  config.training.image_size = [64, 64, 32]
  const report = await reportModel(config)
  const text = modelText(report)
  expect(text).toContain('parameters  8,498,766: encoder 5,650,016')
  expect(text).toContain('37.79 G per sample forward; the original needs 138.6 G')
  expect(report.memory.working).toBeGreaterThan(1e9)
  config.model.num_structures = null
  config.dataset_path = '/nowhere'
  await expect(reportModel(config)).rejects.toThrow(
    '/nowhere: no such folder, expected a dataset; sadaan-gpu generate or import makes one; without a dataset set model.num_structures and training.image_size',
  )
})

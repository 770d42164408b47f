import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { writePth } from '../../src/checkpoint/pth_file.ts'
import { stateDict } from '../../src/checkpoint/state_dict.ts'
import { defaultConfig } from '../../src/config/schema.ts'
import { Hdf5File } from '../../src/data/hdf5/file.ts'
import { evaluate } from '../../src/evaluate/evaluate.ts'
import type { EvaluatedSample } from '../../src/evaluate/evaluation.ts'
import { SurfaceMeter } from '../../src/evaluate/surface_distance.ts'
import { predict } from '../../src/predict/predict.ts'
import type { DetailedMetrics } from '../../src/report/detailed_metrics.ts'
import { InputError } from '../../src/util/error.ts'
import { intensity, isMasked, presenceOf, temporaryDirectory, writeDataset, writeSplit } from '../data/small_dataset.ts'
import { goldenPaths, openGolden } from '../golden/golden_file.ts'
import { relativeError } from '../numbers.ts'
import { onOneDevice } from '../one_device.ts'
import { checkpointOf, finalWeights } from '../predict/golden_model.ts'
import { bitsOf } from './mask_cases.ts'

const SAMPLES = 7
const STRUCTURES = 2
const VOXELS = 16 * 16 * 32
const size: [number, number, number] = [16, 16, 32]
const folder = temporaryDirectory()
const dataset = join(folder, 'dataset')
const weights = join(folder, 'model.pth')
const names = ['structure_0', 'structure_1']
const tensors = finalWeights(await openGolden(goldenPaths[0]!))
writeCheckpoint(weights, checkpointOf(tensors, names))
mkdirSync(dataset)
await writeDataset(dataset, { samples: 2, structures: STRUCTURES, imageSize: size })
await writeSplit(join(dataset, 'test.h5'), { samples: SAMPLES, structures: STRUCTURES, imageSize: size })

function request(output: string, more: { weights?: string; split?: 'val' | 'test'; dataset?: string } = {}) {
  const config = defaultConfig()
  config.compute.adapter = process.env.SADAAN_ADAPTER ?? null
  config.training.batch_size = 3
  const lines: string[] = []
  return {
    lines,
    config,
    weights,
    dataset,
    split: 'test' as const,
    output: join(folder, output),
    say: (line: string) => lines.push(line),
    progress: () => undefined,
    ...more,
  }
}

/** (N, S) probabilities of presence, (N, S, V) masks and attention, as predict gives them. */
async function predicted(threshold: number): Promise<{ q: number[]; masks: number[]; attention: number[] }> {
  const asked = { ...request('prediction'), input: join(dataset, 'test.h5'), raw: true }
  asked.config.model.presence_threshold = threshold
  await onOneDevice(() => predict(asked))
  const file = await Hdf5File.open(join(asked.output, 'raw.h5'))
  const read = (name: string): number[] => [...file.read(file.dataset(name), 0, SAMPLES)]
  const [q, masks] = [read('presence_probs'), read('segmentation_probs').map(p => Number(p > 0.5))]
  const attention = read('attention_maps')
  file.close()
  return { q, masks, attention }
}

const prediction = await predicted(0.5)

/** Mean Dice over structures, counted voxel by voxel. */
function naiveDice(masks: number[], isGated: (pair: number) => boolean): number {
  const dice = names.map((_, s) => {
    const of: number[] = []
    for (let n = 0; n < SAMPLES; n++) {
      if (presenceOf(n, s) !== 1) continue
      const pair = n * STRUCTURES + s
      let [both, found, wanted] = [0, 0, 0]
      for (let v = 0; v < VOXELS; v++) {
        const p = isGated(pair) ? 0 : masks[pair * VOXELS + v]!
        const m = Number(isMasked(n, s * VOXELS + v))
        both += p * m
        found += p
        wanted += m
      }
      of.push((2 * both + 1e-6) / (found + wanted + 1e-6))
    }
    return of.reduce((sum, value) => sum + value, 0) / of.length
  })
  return dice.reduce((sum, value) => sum + value, 0) / dice.length
}

test('figures are those of the masks that predict gives, counted voxel by voxel', async () => {
  const { q, masks } = prediction
  const threshold = (Math.min(...q) + Math.max(...q)) / 2
  const asked = { ...request('evaluation'), masks: true }
  asked.config.model.presence_threshold = threshold
  const { samples, files } = await onOneDevice(() => evaluate(asked))
  expect(samples).toBe(SAMPLES)
  const kept = await Hdf5File.open(files.masks!)
  expect([...kept.read(kept.dataset('samples'), 0, SAMPLES)].map(Number)).toEqual([...Array(SAMPLES).keys()])
  expect(kept.dataset('masks').shape).toEqual([SAMPLES, STRUCTURES, ...size])
  expect([...kept.read(kept.dataset('masks'), 0, SAMPLES)].map(Number)).toEqual(masks)
  kept.close()
  const metrics = JSON.parse(readFileSync(files.metrics, 'utf8')) as DetailedMetrics
  expect(Object.keys(metrics)).toStrictEqual([
    'presence_overall_accuracy',
    'presence_per_structure',
    'segmentation_per_structure',
    'segmentation_overall',
    'segmentation_overall_gated',
    'scenario_based',
    'absence_overall',
    'absence_per_structure',
    'presence_calibration',
    'confidence_intervals',
    'distance_unit',
    'num_samples',
    'evaluated',
  ])
  const known = q
    .map((probability, pair) => ({ probability, y: presenceOf(Math.floor(pair / STRUCTURES), pair % STRUCTURES) }))
    .filter(({ y }) => y >= 0)
  const right = known.filter(({ probability, y }) => probability > threshold === (y === 1)).length
  expect(metrics.presence_overall_accuracy).toBe(right / known.length)
  expect(metrics.segmentation_overall.mean_dice).toBeCloseTo(
    naiveDice(masks, () => false),
    4,
  )
  expect(metrics.segmentation_overall_gated.mean_dice).toBeCloseTo(
    naiveDice(masks, pair => q[pair]! <= threshold),
    4,
  )
  expect(metrics.segmentation_overall.mean_dice).toBeGreaterThan(0.01)
  expect(Object.keys(metrics.scenario_based)).toStrictEqual(Array.from({ length: SAMPLES }, (_, n) => `scenario ${n}`))
  const report = readFileSync(files.report, 'utf8')
  expect(report).toMatch(new RegExp(`^samples +${SAMPLES} of 16×16×32 voxels, 2 structures$`, 'm'))
  expect(report).toContain(`Dice ${metrics.segmentation_overall.mean_dice!.toFixed(4)}`)
})

test('shows the samples that it chose, with masks gated by presence and attention', async () => {
  const { q, masks, attention } = prediction
  const threshold = (Math.min(...q) + Math.max(...q)) / 2
  const seen: EvaluatedSample[] = []
  const asked = { ...request('shown'), pictures: 4, visit: (sample: EvaluatedSample) => void seen.push(sample) }
  asked.config.model.presence_threshold = threshold
  const { pictured, files } = await onOneDevice(() => evaluate(asked))
  expect(seen.map(({ view, ...chosen }) => chosen)).toStrictEqual(pictured)
  expect(seen).toHaveLength(4)
  expect(new Set(seen.map(({ sample }) => sample)).size).toBe(4)
  expect(existsSync(files.cases)).toBe(true)
  for (const { sample, view } of seen) {
    expect(view).toMatchObject({ size, threshold })
    expect(view.title).toMatch(new RegExp(`^test sample ${sample}, scenario ${sample}, `))
    expect(view.image).toStrictEqual(Float32Array.from({ length: VOXELS }, (_, v) => intensity(sample, v)))
    for (const [s, structure] of view.structures.entries()) {
      const pair = sample * STRUCTURES + s
      const of = <T>(values: T[]): T[] => values.slice(pair * VOXELS, (pair + 1) * VOXELS)
      expect(structure).toMatchObject({ name: names[s], presence: presenceOf(sample, s), probability: q[pair] })
      const truth = Uint8Array.from({ length: VOXELS }, (_, v) => Number(isMasked(sample, s * VOXELS + v)))
      expect(structure.truth).toStrictEqual(bitsOf(truth))
      const isGated = q[pair]! <= threshold
      expect(structure.prediction).toStrictEqual(bitsOf(Uint8Array.from(of(masks), p => (isGated ? 0 : p))))
      expect(relativeError(structure.attention!, of(attention))).toBeLessThan(1e-5)
    }
  }
})

test('resamples a dataset of another size, and says so; distances in millimetres', async () => {
  const other = join(folder, 'other')
  mkdirSync(other)
  const spacing: [number, number, number] = [2, 3, 4]
  const imageSize: [number, number, number] = [32, 16, 16]
  const presence = (n: number, s: number): number => (n === 1 && s === 1 ? -1 : 1)
  const split = { samples: 5, structures: STRUCTURES, imageSize, spacing, presence }
  await writeDataset(other, split)
  const seen: EvaluatedSample[] = []
  const asked = {
    ...request('resampled', { dataset: other, split: 'val' }),
    pictures: split.samples,
    visit: (sample: EvaluatedSample) => void seen.push(sample),
  }
  asked.config.model.presence_threshold = 0 // masks as they are measured
  const { metrics, cases, files } = await onOneDevice(() => evaluate(asked))
  expect(asked.lines.join('\n')).toContain("resampled from 32×16×16 to the model's 16×16×32")
  expect(Object.keys(metrics.presence_per_structure)).toStrictEqual(names)
  expect(metrics.distance_unit).toBe('mm')
  const meter = new SurfaceMeter()
  let measured = 0
  for (const { sample, view } of seen)
    for (const { name, presence, truth, prediction } of view.structures) {
      const row = cases.find(each => each.sample === sample && each.structure === name)
      if (presence < 0) {
        expect(row).toBeUndefined()
        continue
      }
      // half as many voxels along H, twice as many along D
      const surfaces = meter.measure(truth, prediction, size, [4, 3, 2])
      expect(row).toMatchObject({
        subject: `subject ${sample}`,
        hd95: surfaces?.hd95 ?? null,
        surface_distance: surfaces?.mean ?? null,
      })
      measured += Number(surfaces !== null)
    }
  expect(measured).toBeGreaterThan(1)
  expect(metrics.segmentation_overall.mean_hd95).toBeGreaterThan(0)
  const again = request('alone', { dataset: other, split: 'val' })
  again.config.model.presence_threshold = 0
  again.config.training.num_workers = 0
  const alone = await onOneDevice(() => evaluate(again))
  for (const file of ['metrics', 'cases'] as const)
    expect(readFileSync(alone.files[file], 'utf8')).toBe(readFileSync(files[file], 'utf8'))
})

test('wrong input is one line and leaves nothing', async () => {
  const refused = async (asked: ReturnType<typeof request>, message: RegExp): Promise<void> => {
    const failure = await onOneDevice(() => evaluate(asked)).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(InputError)
    expect((failure as Error).message).toMatch(message)
    expect(existsSync(asked.output)).toBe(false)
  }
  await refused(request('a', { dataset: join(folder, 'none') }), /none: no such folder, expected a dataset/)
  await refused(request('b', { weights: join(folder, 'none.pth') }), /none\.pth: no such file, expected a model/)
  const three = join(folder, 'three')
  mkdirSync(three)
  await writeDataset(three, { samples: 2, structures: 3, imageSize: size })
  await refused(
    request('c', { dataset: three }),
    /test\.h5: no such file, the dataset has train and val; choose one, e\.g\. --split val$/,
  )
  const nameless = join(folder, 'nameless.pth')
  writePth(nameless, stateDict(tensors))
  await refused(
    request('d', { dataset: three, split: 'val', weights: nameless }),
    /val\.h5: masks have 3 structures, .*nameless\.pth expects 2 and names none$/,
  )
})

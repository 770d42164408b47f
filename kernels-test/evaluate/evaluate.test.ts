import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { defaultConfig } from '../../src/config/schema.ts'
import { Hdf5File } from '../../src/data/hdf5_file.ts'
import type { DetailedMetrics } from '../../src/report/detailed_metrics.ts'
import { evaluate } from '../../src/train/evaluate.ts'
import { predict } from '../../src/train/predict.ts'
import { InputError } from '../../src/util/error.ts'
import {
  isMasked,
  presenceOf,
  temporaryDirectory,
  writeDataset,
  writeMetadata,
  writeSplit,
} from '../data/small_dataset.ts'
import { goldenPaths, openGolden } from '../golden/golden_file.ts'
import { checkpointOf, finalWeights } from './golden_model.ts'

const SAMPLES = 7
const STRUCTURES = 2
const VOXELS = 16 * 16 * 32
const size: [number, number, number] = [16, 16, 32]
const folder = temporaryDirectory()
const dataset = join(folder, 'dataset')
const weights = join(folder, 'model.pth')
const names = ['structure_0', 'structure_1']
writeCheckpoint(weights, checkpointOf(finalWeights(await openGolden(goldenPaths[0]!)), names))
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

/** (N, S) probabilities of presence and (N, S, V) of voxels, as predict gives them. */
async function predicted(threshold: number): Promise<{ q: number[]; masks: number[] }> {
  const prediction = { ...request('prediction'), input: join(dataset, 'test.h5'), raw: true }
  prediction.config.model.presence_threshold = threshold
  await predict(prediction)
  const file = await Hdf5File.open(join(prediction.output, 'raw.h5'))
  const read = (name: string): number[] => [...file.read(file.dataset(name), 0, SAMPLES)]
  const [q, masks] = [read('presence_probs'), read('segmentation_probs').map(p => Number(p > 0.5))]
  file.close()
  return { q, masks }
}

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
  const first = await predicted(0.5)
  const threshold = (Math.min(...first.q) + Math.max(...first.q)) / 2
  const { q, masks } = first
  const asked = request('evaluation')
  asked.config.model.presence_threshold = threshold
  const { samples, files } = await evaluate(asked)
  expect(samples).toBe(SAMPLES)
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
  expect(report).toContain(`test: ${SAMPLES} samples, 2 structures, 16×16×32`)
  expect(report).toContain(`Dice ${metrics.segmentation_overall.mean_dice!.toFixed(4)}`)
})

test('resamples a dataset of another size, and says so; says when names differ', async () => {
  const other = join(folder, 'other')
  mkdirSync(other)
  const split = { samples: 2, structures: STRUCTURES, imageSize: [32, 16, 16] as [number, number, number] }
  await writeDataset(other, split)
  writeMetadata(other, { structure_names: ['liver', 'structure_1'], image_size: split.imageSize })
  const asked = request('resampled', { dataset: other, split: 'val' })
  const { metrics } = await evaluate(asked)
  expect(asked.lines.join('\n')).toContain("resampled from 32×16×16 to the model's 16×16×32")
  expect(asked.lines.join('\n')).toContain('warning: structure 0 is liver in')
  expect(Object.keys(metrics.presence_per_structure)).toStrictEqual(['liver', 'structure_1'])
})

test('wrong input is one line and leaves nothing', async () => {
  const refused = async (asked: ReturnType<typeof request>, message: RegExp): Promise<void> => {
    const failure = await evaluate(asked).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(InputError)
    expect((failure as Error).message).toMatch(message)
    expect(existsSync(asked.output)).toBe(false)
  }
  await refused(request('a', { dataset: join(folder, 'none') }), /none: no such directory, expected a dataset/)
  await refused(request('b', { weights: join(folder, 'none.pth') }), /none\.pth: cannot be read/)
  const three = join(folder, 'three')
  mkdirSync(three)
  await writeDataset(three, { samples: 2, structures: 3, imageSize: size })
  await refused(request('c', { dataset: three }), /test\.h5: no such file, expected the split to evaluate/)
  await refused(request('d', { dataset: three, split: 'val' }), /val\.h5: masks have 3 structures, .*model\.pth has 2/)
})

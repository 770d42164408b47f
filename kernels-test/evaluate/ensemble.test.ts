import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { defaultConfig } from '../../src/config/schema.ts'
import { Hdf5File } from '../../src/data/hdf5/file.ts'
import { evaluate } from '../../src/evaluate/evaluate.ts'
import type { EvaluatedSample } from '../../src/evaluate/evaluation.ts'
import { EvaluationPictures } from '../../src/evaluate/pictures.ts'
import { predict } from '../../src/predict/predict.ts'
import { isMasked, presenceOf, temporaryDirectory, writeDataset, writeMetadata } from '../data/small_dataset.ts'
import { relativeError } from '../numbers.ts'
import { onOneDevice } from '../one_device.ts'
import { writeOverflowing } from '../predict/overflowing_model.ts'
import { writeSmallModel } from '../predict/small_model.ts'
import { bitsOf } from './mask_cases.ts'

const SIZE: [number, number, number] = [16, 16, 16]
const VOXELS = 16 ** 3
const SAMPLES = 5
const NAMES = ['liver', 'spleen']
const folder = temporaryDirectory()
const dataset = join(folder, 'dataset')
mkdirSync(dataset)
await writeDataset(dataset, { samples: SAMPLES, structures: 2, imageSize: SIZE })
writeMetadata(dataset, { structure_names: NAMES, image_size: SIZE })

const shape = { size: SIZE, inChannels: 1 }
const members = ['a.pth', 'b.pth', 'c.pth'].map(name => join(folder, name))
writeSmallModel(members[0]!, NAMES, shape, {}, 1)
writeSmallModel(members[1]!, NAMES, shape, {}, 2)
writeSmallModel(members[2]!, NAMES, { ...shape, channels: [4, 4, 4, 6, 8], features: 12 }, {}, 3)

function request(weights: string | readonly string[], output: string) {
  const config = defaultConfig()
  config.compute.adapter = process.env.SADAAN_ADAPTER ?? null
  config.training.batch_size = 2
  const lines: string[] = []
  const say = (line: string): number => lines.push(line)
  const split = 'val' as const
  return { config, weights, dataset, split, output: join(folder, output), say, progress: () => undefined, lines }
}

/** Every output of a model for every sample. */
async function rawOf(path: string) {
  const asked = { ...request(path, `raw of ${path.at(-5)}`), input: join(dataset, 'val.h5'), raw: true }
  await onOneDevice(() => predict(asked))
  const file = await Hdf5File.open(join(asked.output, 'raw.h5'))
  const read = (name: string) => [...file.read(file.dataset(name), 0, SAMPLES)]
  const outputs = {
    probabilities: read('segmentation_probs'),
    presence: read('presence_probs'),
    attention: read('attention_maps'),
  }
  file.close()
  return outputs
}

const single: Awaited<ReturnType<typeof rawOf>>[] = []
for (const path of members) single.push(await rawOf(path))

const mean = (of: (each: (typeof single)[number]) => number[]): number[] =>
  of(single[0]!).map((_, i) => single.reduce((sum, each) => sum + of(each)[i]!, 0) / single.length)
const averaged = {
  masks: mean(({ probabilities }) => probabilities).map(p => Number(p > 0.5)),
  presence: mean(({ presence }) => presence),
  attention: mean(({ attention }) => attention),
}

const seen: EvaluatedSample[] = []
const asked = request(members, 'together')
const pictures = new EvaluationPictures(asked.output, line => asked.say(line))
const visit = (sample: EvaluatedSample): Promise<void> => {
  seen.push(sample)
  return pictures.add(sample)
}
const evaluation = await onOneDevice(() => evaluate({ ...asked, pictures: SAMPLES, visit }))
await pictures.finish(evaluation)

test('metrics and cases are those of the averaged outputs', () => {
  const { cases, metrics } = evaluation
  const known = averaged.presence.flatMap((q, pair) => {
    const y = presenceOf(Math.floor(pair / 2), pair % 2)
    return y < 0 ? [] : [{ q, y, pair }]
  })
  expect(cases).toHaveLength(known.length)
  let distinct = 0
  for (const { q, y, pair } of known) {
    const row = cases.find(each => each.sample === Math.floor(pair / 2) && each.structure === NAMES[pair % 2])!
    expect(row.presence_probability).toBeCloseTo(q, 6)
    if (y === 0) continue
    let [both, found, wanted] = [0, 0, 0]
    for (let v = 0; v < VOXELS; v++) {
      const p = averaged.masks[pair * VOXELS + v]!
      const m = Number(isMasked(Math.floor(pair / 2), (pair % 2) * VOXELS + v))
      both += p * m
      found += p
      wanted += m
    }
    expect(row.predicted_volume).toBe(found)
    expect(row.dice).toBeCloseTo((2 * both + 1e-6) / (found + wanted + 1e-6), 6)
    distinct += Number(found > 0 && found < VOXELS)
  }
  expect(distinct).toBeGreaterThan(1)
  const right = known.filter(({ q, y }) => q > 0.5 === (y === 1)).length
  expect(metrics.presence_overall_accuracy).toBe(right / known.length)
})

test('pictures show the masks and the attention of the mean', () => {
  expect(seen).toHaveLength(SAMPLES)
  for (const { sample, view } of seen)
    for (const [s, structure] of view.structures.entries()) {
      const pair = 2 * sample + s
      const at = [pair * VOXELS, (pair + 1) * VOXELS] as const
      const isGated = !(averaged.presence[pair]! > 0.5)
      const expected = Uint8Array.from(averaged.masks.slice(...at), p => (isGated ? 0 : p))
      expect(structure.prediction).toStrictEqual(bitsOf(expected))
      expect(relativeError(structure.attention!, averaged.attention.slice(...at))).toBeLessThan(1e-5)
    }
})

test('the report names every model, and the order in which they are given changes no byte', async () => {
  const { files } = evaluation
  const text = (path: string): string => readFileSync(path, 'utf8')
  expect(text(files.report).match(/^weights .*$/gm)).toEqual(members.map(path => `weights   ${path}`))
  expect(JSON.parse(text(files.metrics)).evaluated.weights).toEqual(members)
  const page = text(join(asked.output, 'report.html'))
  expect(page).toContain('<h1>Evaluation of <bdi>the mean of 3 models</bdi></h1>')
  for (const path of members) expect(page).toContain(path)
  const other = await onOneDevice(() => evaluate(request(members.toReversed(), 'reversed')))
  for (const file of ['metrics', 'report', 'cases'] as const) expect(text(other.files[file])).toBe(text(files[file]))
})

test('a model that overflows is named, not averaged away', async () => {
  const overflowing = join(folder, 'overflowing.pth')
  writeOverflowing(overflowing, members[0]!, 1)
  for (const others of [members.slice(1), members.slice(0, 1)])
    await expect(onOneDevice(() => evaluate(request([...others, overflowing], 'never')))).rejects.toThrow(
      /sample 0: the model's presence probability of spleen is .*; the weights of .*overflowing\.pth overflow there$/,
    )
})

test('models of the same widths need the memory of one, but for what they add up', async () => {
  const bytesIn = (lines: string[]): number => {
    const [, value, unit] = /^memory +([\d.]+) (.B)/m.exec(lines.join('\n'))!
    return Number(value) * { kB: 1e3, MB: 1e6, GB: 1e9 }[unit!]!
  }
  const [one, two] = [request(members[0]!, 'one'), request(members.slice(0, 2), 'two')]
  await onOneDevice(() => evaluate(one))
  await onOneDevice(() => evaluate(two))
  const sums = 2 * 4 * (2 * 2 * VOXELS) // bytes: probabilities and attention of a batch of two
  expect(bytesIn(two.lines) - bytesIn(one.lines)).toBeLessThan(2 * sums)
})

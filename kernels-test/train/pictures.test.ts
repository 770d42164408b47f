// full: trains with pictures
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { loadConfig } from '../../src/config/load.ts'
import { readMetrics } from '../../src/track/metrics.ts'
import { initialise, openSession } from '../../src/train/session.ts'
import { InputError } from '../../src/util/error.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { groupsOf, PNG_SIGNATURE, pngSize, textsOf } from '../report/read_svg.ts'
import { seenIn } from '../track/tensorboard/reader.ts'
import { SMALL, STRUCTURES, smallDataset, trainHere } from './training_here.ts'

const root = temporaryDirectory()
const dataset = await smallDataset(join(root, 'dataset'), 2, 3)
const words = [...SMALL, `dataset_path=${dataset}`, 'training.gradient_accumulation_steps=1', 'model.dropout=0.5']
const pictured = [...words, 'training.num_epochs=3', 'logging.visualize_predictions=True']
const board = join(root, 'board')

const run = await trainHere(join(root, 'with'), [...pictured, 'logging.num_visualization_samples=2'], false, {
  tensorboard: board,
})

function pictures(folder: string): string[] {
  return readdirSync(folder).filter(name => /\.(png|svg)$/.test(name))
}

test('as many validation samples are pictured as asked for, beside the curves; run.json names them', () => {
  const names = ['predictions_sample_0.png', 'predictions_sample_1.png', 'training_curves.png', 'training_curves.svg']
  expect(pictures(run.run!)).toEqual(names)
  for (const name of names.filter(name => name.endsWith('.png'))) {
    const { signature, width, height } = pngSize(readFileSync(join(run.run!, name)))
    expect([signature, width > 1000, height > 300]).toEqual([PNG_SIGNATURE, true, true])
  }
  const { artifacts } = JSON.parse(readFileSync(join(run.run!, 'run.json'), 'utf8'))
  expect(artifacts.filter((name: string) => /curves|predictions/.test(name)).sort()).toEqual(names)
  expect(run.lines.filter(line => line.startsWith('warning'))).toEqual([])
})

test('the same weights bit for bit with and without pictures', async () => {
  const off = [...pictured, 'logging.visualize_predictions=False']
  const without = await trainHere(join(root, 'without'), off)
  expect(pictures(without.run!)).toEqual(['training_curves.png', 'training_curves.svg'])
  const last = (name: string) => readCheckpoint(join(root, name, 'checkpoints', 'last.pth'))
  expect(last('with').model).toEqual(last('without').model)
  expect(last('with').optimizer).toEqual(last('without').optimizer)
})

test('a resumed run’s curves begin where the earlier run began, and it pictures its samples', async () => {
  const more = [...pictured, 'training.num_epochs=4', 'logging.num_visualization_samples=1']
  const resumed = await trainHere(join(root, 'with'), more, true)
  const svg = readFileSync(join(resumed.run!, 'training_curves.svg'), 'utf8')
  expect(textsOf(svg)).toContainEqual(expect.stringMatching(/^4 of 4 epochs, best validation loss /))
  const loss = groupsOf(groupsOf(svg, 'data-panel').get('Loss')!, 'data-series')
  expect([...loss].map(([name, series]) => [name, series.match(/<circle/g)!.length])).toEqual([
    ['training', 4],
    ['validation', 4],
  ])
  // terms and structures keep their order and their colours
  const first = readFileSync(join(run.run!, 'training_curves.svg'), 'utf8')
  const colorsOf = (curves: string): (string | undefined)[][] =>
    [...curves.matchAll(/data-series="([^"]*)"(?: fill="(#\w+)")?/g)].map(([, name, color]) => [name, color])
  expect(colorsOf(svg)).toEqual(colorsOf(first))
  expect(colorsOf(svg).length).toBeGreaterThan(8 + STRUCTURES.length)
  expect(pictures(resumed.run!)).toContain('predictions_sample_0.png')
})

test('the wait for the loader is a metric of every epoch', () => {
  const { steps, values } = readMetrics(run.run!).get('system.loader_wait_seconds')!
  expect(steps).toEqual([0, 1, 2])
  for (const value of values) expect(value).toBeGreaterThanOrEqual(0)
})

test('TensorBoard gets every metric and every picture, with the epoch', context => {
  const { scalars, images } = seenIn(join(board, '1'), context)
  const metrics = [...readMetrics(run.run!)]
  expect(Object.keys(scalars)).toHaveLength(metrics.length)
  const { values } = new Map(metrics).get('val.epoch.hard_dice')!
  expect(scalars['val.epoch/hard_dice']!.map(([step, , value]) => [step, value])).toEqual(
    values.map((value, epoch) => [epoch, Math.fround(value!)]),
  )
  for (const name of ['predictions_sample_0', 'training_curves']) {
    const [, , , bytes] = images[name]!.at(-1)!
    expect(Buffer.from(bytes, 'base64').equals(readFileSync(join(run.run!, `${name}.png`)))).toBe(true)
  }
  expect(images.training_curves!.at(-1)![0]).toBe(2)
})

test('a TensorBoard folder that cannot be: wrong input, and nothing is written', async () => {
  writeFileSync(join(root, 'file'), '')
  const folder = join(root, 'nothing')
  const failing = trainHere(folder, [...words, 'training.num_epochs=1'], false, { tensorboard: join(root, 'file') })
  await expect(failing).rejects.toThrow(InputError)
  expect(existsSync(join(folder, 'runs'))).toBe(false)
})

test('the masks that are pictured are those that the hard Dice counts', async () => {
  const { config } = loadConfig({ overrides: [...words, 'training.batch_size=2'] })
  const session = await openSession(config, { say: () => undefined })
  try {
    initialise(session, { say: () => undefined })
    const { engine, validationLoader } = session
    await engine.prepare()
    const prepared = await engine.prepareEvaluation()
    let compared = 0
    for await (const host of validationLoader.epoch(0)) {
      const { pairs } = await engine.evaluate(prepared, host)
      const masks = await engine.predictedMasks(prepared, host.count)
      const words = masks.length / (host.count * STRUCTURES.length)
      const both = masks.map((word, i) => word & host.maskBits[i]!)
      for (let pair = 0; pair < host.count * STRUCTURES.length; pair++) {
        const at = [pair * words, (pair + 1) * words] as const
        const counted = [bitsOf(both.subarray(...at)), bitsOf(masks.subarray(...at))]
        expect(counted).toEqual([...pairs.subarray(8 * pair + 6, 8 * pair + 8)])
        compared += counted[1]!
      }
    }
    expect(compared).toBeGreaterThan(0)
  } finally {
    await session.close()
  }
})

function bitsOf(words: Uint32Array): number {
  return words.reduce((sum, word) => sum + word.toString(2).replaceAll('0', '').length, 0)
}

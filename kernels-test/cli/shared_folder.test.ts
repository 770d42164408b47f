import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Journal } from '../../bench/journal.ts'
import { RESULTS_LIST } from '../../src/util/files/result_folder.ts'
import { temporaryDirectory, writeDataset, writeSplit } from '../data/small_dataset.ts'
import { writeSmallModel } from '../predict/small_model.ts'
import { run } from './command.ts'

const root = temporaryDirectory()
const SIZE: [number, number, number] = [16, 16, 16]
writeSmallModel(join(root, 'model.pth'), ['structure_0', 'structure_1'], { size: SIZE, inChannels: 1 })
mkdirSync(join(root, 'data'))
await writeDataset(join(root, 'data'), { samples: 2, structures: 2, imageSize: SIZE })
await writeSplit(join(root, 'data/test.h5'), { samples: 2, structures: 2, imageSize: SIZE })

const adapter = process.env.SADAAN_ADAPTER === undefined ? [] : [`compute.adapter='${process.env.SADAAN_ADAPTER}'`]

const commands = {
  evaluate: [
    '--weights',
    'model.pth',
    '--dataset',
    'data',
    '--pictures',
    '1',
    '--output',
    'results',
    'with',
    ...adapter,
  ],
  predict: ['--weights', 'model.pth', '--input', 'data', '--output', 'results', 'with', ...adapter],
  analysis: ['train', 'val', 'test'].flatMap(name => [`--${name}`, 'metrics.json']).concat('--output', 'results'),
  export: ['--weights', 'model.pth', '--output', 'model.onnx', 'with'],
  save_config: ['--output', 'config.json', 'with'],
} as const
type Name = keyof typeof commands

const go = (name: Name, ...more: string[]) => {
  const [options, words] = [true, false].map(is => more.filter(word => word.startsWith('--') === is))
  const given: readonly string[] = commands[name]
  const end = given.includes('with') ? given.indexOf('with') : given.length
  return run([name, ...given.slice(0, end), ...options!, ...given.slice(end), ...words!], root)
}

const at = (...parts: string[]): string => join(root, 'results', ...parts)

test('evaluate, predict and analysis share a folder, renew their own results, and keep what is not theirs', async () => {
  mkdirSync(at())
  writeFileSync(at('notes.md'), 'mine')
  for (const round of [1, 2]) {
    for (const name of ['evaluate', 'predict'] as const) {
      const { code, stderr } = await go(name)
      expect(code, `${name} ${round}: ${stderr}`).toBe(0)
      // analysis reads it from elsewhere
      if (name === 'evaluate') writeFileSync(join(root, 'metrics.json'), readFileSync(at('detailed_metrics.json')))
    }
    const { code, stderr } = await go('analysis')
    expect(code, `analysis ${round}: ${stderr}`).toBe(0)
  }
  expect(readFileSync(at('notes.md'), 'utf8')).toBe('mine')
  const listed = Object.keys(JSON.parse(readFileSync(at(RESULTS_LIST), 'utf8')).files)
  expect([...listed, RESULTS_LIST, 'notes.md'].sort()).toStrictEqual(readdirSync(at()).sort())

  // pictures of an earlier evaluation go, but for one that somebody drew over
  const pictures = readdirSync(at()).filter(name => /_sample_\d+\.png$/.test(name))
  expect(pictures).toHaveLength(2)
  writeFileSync(at(pictures[0]!), 'drawn over')
  expect((await go('evaluate', '--no-pictures')).code).toBe(0)
  expect(readdirSync(at()).filter(name => name.endsWith('.png') && name.includes('sample'))).toStrictEqual([
    pictures[0],
  ])
  expect(existsSync(at('report.html'))).toBe(false)
})

test.each([
  ['evaluate', 'cases.csv'],
  ['evaluate', 'report.html'],
  ['predict', 'presence.csv'],
  ['predict', 'masks.h5'],
  ['analysis', 'dice_by_split.png'],
] as const)(
  '%s refuses to replace the %s of somebody else before it computes; --overwrite replaces',
  async (name, file) => {
    writeFileSync(at(file), 'somebody else’s')
    const before = readdirSync(at()).sort()
    const { code, stderr } = await go(name)
    expect(stderr.trimEnd().split('\n').at(-1)).toBe(
      `sadaan-gpu: results: would replace ${file}, which sadaan-gpu did not write or somebody changed since; choose another folder, or --overwrite`,
    )
    expect(code).toBe(2)
    expect(readFileSync(at(file), 'utf8')).toBe('somebody else’s')
    expect(readdirSync(at()).sort()).toStrictEqual(before)
    expect((await go(name, '--overwrite')).code).toBe(0)
    expect(readFileSync(at(file), 'utf8')).not.toBe('somebody else’s')
  },
)

test.each([
  ['export', 'model.onnx', 'model.presence_threshold=0.25'],
  ['save_config', 'config.json', 'seed=7'],
] as const)(
  '%s writes the same file again, but another one over it only with --overwrite',
  async (name, file, change) => {
    expect((await go(name)).code).toBe(0)
    const first = readFileSync(join(root, file))
    expect((await go(name)).code).toBe(0)
    const { code, stderr } = await go(name, change)
    expect(stderr).toBe(
      `sadaan-gpu: ${file}: exists with other content, expected another name, or --overwrite to replace it\n`,
    )
    expect(code).toBe(2)
    expect(readFileSync(join(root, file)).equals(first)).toBe(true)
    expect((await go(name, '--overwrite', change)).code).toBe(0)
    expect(readFileSync(join(root, file)).equals(first)).toBe(false)
  },
)

test('a journal of measurements takes no file of another kind', () => {
  const path = join(root, 'journal.txt')
  for (const text of ['my list\n', '\nmy list\n', '{"mine": 1}\n']) {
    writeFileSync(path, text)
    expect(() => Journal.open(path, { steps: 3 }, false, () => undefined)).toThrow(
      `${path}: exists and holds no measurements, expected another file for --journal`,
    )
    expect(readFileSync(path, 'utf8')).toBe(text)
  }
})

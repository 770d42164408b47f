import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { importSettingsOf, preparedAs, readRecipe, sourceAs } from '../../src/recipe/recipe.ts'
import { run } from '../cli/command.ts'
import { datasetOf, folders } from '../data/import/input.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'

const root = temporaryDirectory()

const settings = {
  structures: { one: [1], both: [1, 2] },
  subject_pattern: '^(.+)$',
  spacing_mm: [2, 1.5, 1],
  image_size: [16, 32, 16],
  patches: false,
  intensity: [{ rule: { kind: 'window', low: 100, high: 180 } }],
}

function recipe(name: string, files: Record<string, unknown>): string {
  const folder = join(root, name)
  mkdirSync(folder)
  for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), JSON.stringify(content))
  return folder
}

const whole = recipe('whole', { 'cfg.json': { training: { num_epochs: 7 } }, 'import.json': settings })

test('a recipe is read: the configuration and the settings of the import', () => {
  const read = readRecipe(whole)
  expect(read.config.training.num_epochs).toBe(7)
  expect(importSettingsOf(read)).toEqual(settings)
})

describe('what cannot be one is refused with the file and the entry', () => {
  const cases: [string, Record<string, unknown>, RegExp][] = [
    ['nothing', {}, /nothing: holds no cfg\.json, expected a recipe; sadaan-gpu configure writes one$/],
    ['unknown', { 'cfg.json': { training: { epochs: 1 } } }, /unknown key "training\.epochs"/],
    [
      'axes',
      { 'cfg.json': {}, 'import.json': { ...settings, image_size: [16, 0, 16] } },
      /import\.json: image_size\.1/,
    ],
    ['surplus', { 'cfg.json': {}, 'import.json': { ...settings, spacing: 1 } }, /import\.json: .*"spacing"/],
  ]
  test.each(cases)('%s', (name, files, line) => {
    const folder = recipe(name, files)
    expect(() => readRecipe(folder)).toThrow(line)
  })
  test('no import settings where an import asks for them', () => {
    const folder = recipe('dataset', { 'cfg.json': {} })
    expect(() => importSettingsOf(readRecipe(folder))).toThrow(/holds no import\.json: the recipe is for a dataset/)
  })
})

test('what is given by hand wins, rule by rule', () => {
  const own = importSettingsOf(readRecipe(whole))
  const two = { ...own, intensity: ['0', '1'].map(channel => ({ channel, ...own.intensity[0]! })) }
  const rule = { kind: 'zscore', deviations: 4 } as const
  expect(preparedAs(two, { spacing: [3, 3, 3], intensity: [{ channel: '1', rule }] })).toEqual({
    imageSize: [16, 32, 16],
    spacing: [3, 3, 3],
    patches: false,
    intensity: [two.intensity[0], { channel: '1', rule }],
  })
  expect(preparedAs(two, { intensity: [{ rule }] }).intensity).toEqual([{ rule }])
  const request = { images: 'scans', structures: [{ name: 'other', marks: [9] }] }
  expect(sourceAs(own, request)).toEqual({ ...request, subjectPattern: '^(.+)$' })
  expect(sourceAs(own, { images: 'scans' }).structures).toEqual([
    { name: 'one', marks: [1] },
    { name: 'both', marks: [1, 2] },
  ])
})

test('import takes a recipe; an option beside it overrides its own', async () => {
  const { sources } = folders(join(root, 'data'), 4)
  const words = (out: string, ...more: string[]) => [
    ...['import', '--images', sources[0]!.images, '--labels', sources[0]!.labels!, '--recipe', whole],
    ...['--output-dir', join(root, out), ...more],
  ]
  const taken = await run(words('taken'), root)
  expect(taken.code, taken.stderr).toBe(0)
  const ofRecipe = datasetOf({ outputDir: join(root, 'taken') } as never)
  expect(ofRecipe.structure_names).toEqual(['one', 'both'])
  expect(ofRecipe.preparation).toMatchObject({
    frame: { kind: 'spacing', spacing_mm: [2, 1.5, 1] },
    image_size: [16, 32, 16],
    intensity: [{ kind: 'window', low: 100, high: 180 }],
  })
  const byHand = await run(words('by-hand', '--image-size', '16,16,16', '--zscore', '--structures', 'two=2'), root)
  expect(byHand.code, byHand.stderr).toBe(0)
  const { structure_names, preparation } = datasetOf({ outputDir: join(root, 'by-hand') } as never)
  expect(structure_names).toEqual(['two'])
  expect(preparation).toMatchObject({
    frame: { spacing_mm: [2, 1.5, 1] },
    image_size: [16, 16, 16],
    intensity: [{ kind: 'zscore', deviations: 4 }],
  })
})

test('configure: a wrong command line is one line, and nothing is written', async () => {
  const { sources } = folders(join(root, 'more'), 2)
  const out = join(root, 'none')
  const lines: [string[], RegExp][] = [
    [[], /no data, expected --images, --manifest or --dataset/],
    [['--dataset', 'd', '--labels', 'l'], /--labels given with --dataset/],
    [['--dataset', join(root, 'gone')], /no such folder, expected a dataset/],
    [
      ['--images', sources[0]!.images, '--labels', sources[0]!.labels!, '--hours', '0'],
      /0 hours, expected more than 0/,
    ],
  ]
  for (const [words, line] of lines) {
    const { code, stderr } = await run(['configure', ...words, '--output-dir', out], root)
    expect(stderr).toMatch(line)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    expect(code).toBe(2)
  }
  expect(() => readRecipe(out)).toThrow(/holds no cfg\.json/)
})

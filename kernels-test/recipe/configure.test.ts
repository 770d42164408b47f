// full: measures and trains a network of the widths of a real run
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fingerprintSchema } from '../../src/recipe/fingerprint_schema.ts'
import { readRecipe } from '../../src/recipe/recipe.ts'
import { run } from '../cli/command.ts'
import { folders } from '../data/import/input.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'

const root = temporaryDirectory()
const { sources } = folders(join(root, 'data'), 10)
const scans = ['--images', sources[0]!.images, '--labels', sources[0]!.labels!]
const configure = (...words: string[]) => run(['configure', ...words, '--output-dir', join(root, 'recipe')], root)

test('configure, import and train: the recipe fits, and the run takes the memory that was planned', async () => {
  const planned = await configure(...scans, '--hours', '0.05', '--json')
  expect(planned.code, planned.stderr).toBe(0)
  const summary = JSON.parse(planned.stdout)
  const recipe = readRecipe(join(root, 'recipe'))
  const text = readFileSync(join(root, 'recipe', 'README.md'), 'utf8')
  for (const { key, reason } of summary.decisions)
    expect(text).toMatch(new RegExp(`\\| \`${key}\` \\| .*${reason.slice(0, 9)}`))
  const fingerprint = JSON.parse(readFileSync(join(root, 'recipe', 'fingerprint.json'), 'utf8'))
  expect(fingerprintSchema.parse(fingerprint)).toEqual(summary.fingerprint)
  expect(recipe.import).toEqual(summary.import)
  expect(summary.seconds).toBeLessThanOrEqual(0.05 * 3600)
  expect(summary.counts).toEqual({ training: 8, validation: 2 })
  const [imported, trained] = summary.commands as [string, string]
  const first = await run(imported.split(' ').slice(1), root)
  expect(first.code, first.stderr).toBe(0)
  const second = await run([...trained.split(' ').slice(1), 'training.num_epochs=1', 'training.warmup_epochs=0'], root)
  expect(second.code, second.stderr).toBe(0)
  const [, need, unit] = /^memory +([\d.]+) (\wB) /m.exec(second.stderr)!
  const bytes = Number(need) * { kB: 1e3, MB: 1e6, GB: 1e9 }[unit!]!
  expect(Math.abs(bytes / summary.memory - 1)).toBeLessThan(0.01) // three digits are printed
})

test('a plan that the hours cannot hold, and a recipe that somebody changed, are one line', async () => {
  const short = await configure(...scans, '--hours', '0.0001')
  expect(short.code, short.stderr).toBe(2)
  expect(short.stderr).toMatch(
    /--hours 0\.0001: opening and one epoch take \d+ s on .+, expected at least [\d.]+ hours\n$/,
  )
  writeFileSync(join(root, 'recipe', 'cfg.json'), '{}')
  const changed = await configure(...scans, '--hours', '0.05')
  expect(changed.stderr).toMatch(
    /would replace cfg\.json, which sadaan-gpu did not write or somebody changed since; .*--overwrite\n$/,
  )
  expect(changed.code).toBe(2)
  expect(readFileSync(join(root, 'recipe', 'cfg.json'), 'utf8')).toBe('{}')
})

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../../src/config/json.ts'
import { leavesOf, loadConfig } from '../../src/config/load.ts'
import { NAMED_CONFIGS } from '../../src/config/named.ts'
import { InputError } from '../../src/util/error.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'

const folder = temporaryDirectory()

function file(name: string, values: JsonObject): string {
  const path = join(folder, name)
  writeFileSync(path, JSON.stringify(values))
  return path
}

describe.each(Object.entries(NAMED_CONFIGS))('%s', (name, { description, values }) => {
  test('sets what it says, and nothing that is the default already', () => {
    const { config, changed, sources, namedConfigs, words } = loadConfig({ overrides: [name] })
    const leaves = leavesOf(values as JsonObject)
    expect(changed).toEqual(leaves.map(([key]) => key).sort())
    for (const [key, value] of leaves) expect(new Map(leavesOf(config)).get(key), key).toEqual(value)
    expect(new Set(Object.values(sources))).toEqual(new Set([`from ${name}`]))
    expect({ namedConfigs, words }).toEqual({ namedConfigs: [name], words: {} })
    expect(description).toMatch(/^[A-Z][^\n]{20,120}$/)
  })
})

test('those about memory keep the 8 samples of an update', () => {
  for (const overrides of [[], ['low_memory'], ['high_memory']]) {
    const { training } = loadConfig({ overrides }).config
    expect(training.batch_size * training.gradient_accumulation_steps).toBe(8)
  }
})

describe('order', () => {
  test('--config, then names and files as given, then the words wherever they stand', () => {
    const base = file('base.json', { seed: 1, training: { num_epochs: 9 }, logging: { log_frequency: 3 } })
    const other = file('other.json', { training: { num_epochs: 8, batch_size: 5 } })
    const words = ['training.batch_size=6', 'fast', other, 'loss_weights={"dice": 4.0}']
    const loaded = loadConfig({ file: base, overrides: words })
    expect(loaded.config.training).toMatchObject({ num_epochs: 8, batch_size: 6, learning_rate: 1e-3 })
    expect(loaded.config).toMatchObject({ seed: 1, loss_weights: { dice: 4, segmentation: 1, absence: 1 } })
    expect(loaded).toMatchObject({ namedConfigs: [base, 'fast', other], files: [base, other] })
    expect(loaded.words).toEqual({ training: { batch_size: 6 }, loss_weights: { dice: 4 } })
    expect(loaded.sources).toMatchObject({
      seed: `from ${base}`,
      'training.learning_rate': 'from fast',
      'training.num_epochs': `from ${other}`,
      'training.batch_size': 'from the command line',
    })
  })

  test('of two names the later wins', () => {
    const epochs = (...overrides: string[]) => loadConfig({ overrides }).config.training.num_epochs
    expect(epochs('debug', 'fast')).toBe(30)
    expect(epochs('fast', 'debug')).toBe(2)
  })
})

test.each([
  ['fats', '; did you mean "fast"?'],
  ['low-memory', '; did you mean "low_memory"?'],
  ['cfg.yaml', ' (fast, strong, accurate, debug, low_memory, high_memory, research)'],
  ['constructor', ' (fast, strong, accurate, debug, low_memory, high_memory, research)'],
])('%s is no word', (word, hint) => {
  const line = `configuration: "${word}" (from the command line), expected key=value, a .json file or a named configuration${hint}`
  expect(() => loadConfig({ overrides: [word] })).toThrow(new InputError(line))
})

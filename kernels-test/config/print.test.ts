import { createColors } from 'picocolors'
import { describe, expect, test } from 'vitest'
import { leavesOf, loadConfig } from '../../src/config/load.ts'
import { NAMED_CONFIGS } from '../../src/config/named.ts'
import { parseLiteral } from '../../src/config/overrides.ts'
import { configText, namedConfigsText } from '../../src/config/print.ts'
import { pythonLiteral } from '../../src/config/spelling.ts'
import { colorsFor } from '../../src/util/colors.ts'

const plain = createColors(false)
const colored = createColors(true)

test.each([
  [null, 'None'],
  [true, 'True'],
  [5e-4, '5e-4'],
  [0.5, '0.5'],
  [-2, '-2'],
  [[1, [2]], '[1, [2]]'],
  [{ a: false, 'b c': 'x' }, "{'a': False, 'b c': 'x'}"],
  [`it's "so" \\ \n\u0007é`, `'it\\'s "so" \\\\ \\n\\u0007é'`],
  ['\\"', `'\\\\"'`],
])('%j as a Python literal, and back', (value, text) => {
  expect(pythonLiteral(value)).toBe(text)
  expect(parseLiteral(text)).toStrictEqual(value)
})

describe('the printed configuration', () => {
  const loaded = loadConfig({ overrides: ['fast', 'seed=3', "model.pretrained='a.pth'"] })
  const text = configText(loaded, plain)

  test('has every key, readable as a word', () => {
    const group: string[] = []
    const found: [string, unknown][] = []
    for (const line of text.split('\n').slice(1)) {
      const [, indent, name, value] = /^( +)(\w+)(?: = (.*?)| *:)(?: +# .*)?$/.exec(line)!
      group.length = indent!.length / 2 - 1
      if (value === undefined) group.push(name!)
      else found.push([[...group, name].join('.'), parseLiteral(value)])
    }
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(leavesOf(loaded.config)))
  })

  test('marks what was changed, also where there are no colours', () => {
    const marked = text.split('\n').filter(line => line.includes('# modified'))
    expect(marked).toHaveLength(loaded.changed.length)
    expect(text).toMatch(/^Configuration \(modified, # source\):\n {2}compat = 'documented'\n/)
    expect(text).toMatch(/^ {2}seed = 3 +# modified, from the command line$/m)
    expect(text).toMatch(/^ {4}num_epochs = 30 +# modified, from fast$/m)
    expect(text).not.toContain('\x1b')
  })

  test('is blue where it was changed, as is the group around it', () => {
    const lines = configText(loaded, colored).split('\n')
    const blue = (start: string) => lines.find(line => line.startsWith(`\x1b[34m${start}`))
    expect(blue('  seed = 3')).toContain('\x1b[2m# modified, from the command line')
    expect(blue('  training:')).toBeDefined()
    expect(lines).toContain('  augmentation:')
  })
})

test('the named configurations are printed with all they set', () => {
  const text = namedConfigsText(plain)
  for (const [name, { description }] of Object.entries(NAMED_CONFIGS))
    expect(text).toContain(`  ${name} # ${description}\n`)
  expect(text).toContain('\n    training.learning_rate = 3e-4\n')
})

test('colours are for terminals that want them', () => {
  const isColored = (isTTY: boolean, environment = {}) => colorsFor({ isTTY }, environment).isColorSupported
  expect(isColored(true)).toBe(true)
  expect(isColored(false)).toBe(false)
  expect(isColored(true, { NO_COLOR: '1' })).toBe(false)
  expect(isColored(true, { TERM: 'dumb' })).toBe(false)
})

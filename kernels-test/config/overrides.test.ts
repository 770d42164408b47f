import { describe, expect, test } from 'vitest'
import { merge, parseLiteral, parseOverrides } from '../../src/config/overrides.ts'
import { editDistance, nearest } from '../../src/util/nearest.ts'

describe('Python literals', () => {
  const literals: [text: string, value: unknown][] = [
    ['True', true],
    ['False', false],
    ['None', null],
    ['3', 3],
    ['-3', -3],
    ['+2', 2],
    ['0x1F', 31],
    ['0b101', 5],
    ['1_000', 1000],
    ['1e-3', 0.001],
    ['5.', 5],
    ['.5', 0.5],
    ['1.5E+2', 150],
    [' 3 ', 3],
    ["'a b'", 'a b'],
    ['"a b"', 'a b'],
    ["'3'", '3'],
    ["'it\\'s'", "it's"],
    ['"tab\\t\\x41\\u00e9"', 'tab\tAé'],
    ['"C:\\\\data\\q"', 'C:\\data\\q'],
    ['[0.9,1.1]', [0.9, 1.1]],
    ['[0.9, 1.1,]', [0.9, 1.1]],
    ['(256, 256, 128)', [256, 256, 128]],
    ['(1,)', [1]],
    ['(1)', 1],
    ['()', []],
    ['64, 64,32', [64, 64, 32]],
    ['1,', [1]],
    [
      '[[1, None], (True, "x")]',
      [
        [1, null],
        [true, 'x'],
      ],
    ],
    ['{"a": {\'b\': [1, 2e0]}, "c": None}', { a: { b: [1, 2] }, c: null }],
    ['{}', {}],
    ['true', true],
    ['[false, True]', [false, true]],
  ]
  test.each(literals)('%s', (text, value) => expect(parseLiteral(text)).toStrictEqual(value))

  const texts = ['abc', './data/run_001', 'null', 'nan', '1e', '1.2.3', '1-2', '007', '-', '.', '', '[1,2', '[1,,2]']
  texts.push(
    '[,]',
    '{1: 2}',
    '{"a": 1',
    '"a" "b"',
    "'open",
    'None of it',
    '1e999',
    '3 4',
    ',',
    '1,,2',
    "'\\x4'",
    "'\\U00110000'",
    '[True false]',
  )
  test.each(texts)('plain text: %s', text => expect(parseLiteral(text)).toBe(text))

  test('nesting beyond any configuration is text, not a stack overflow', () => {
    const text = '['.repeat(100_000)
    expect(parseLiteral(text)).toBe(text)
  })

  test('what JSON writes is read back, true, false and null apart', () => {
    const value = { a: [1, -2.5, 1e-8, 'x "y" \\ \n é'], b: { c: '' } }
    expect(parseLiteral(JSON.stringify(value))).toStrictEqual(value)
  })
})

describe('words after with', () => {
  test('values, files and named configurations are told apart; a file name with = in a value stays a value', () => {
    expect(parseOverrides(['a.b=1', 'x/cfg.json', 'fast', 'a.c=run=2.json', 'OTHER.JSON'])).toStrictEqual({
      bases: ['x/cfg.json', 'fast', 'OTHER.JSON'],
      values: { a: { b: 1, c: 'run=2.json' } },
    })
  })

  test('later words win and dictionaries merge', () => {
    const { values } = parseOverrides(['a={"x": 1, "y": {"z": 2}}', 'a.y.w=3', 'a.x=4', 'b=[1]', 'b=[2]'])
    expect(values).toStrictEqual({ a: { x: 4, y: { z: 2, w: 3 } }, b: [2] })
  })

  test.each(['training.num_epochs', '=3', 'a..b=3', 'a b=3', '.a=1', 'a-b=1'])('%s is refused', word => {
    expect(() => parseOverrides([word])).toThrow(
      `configuration: ${JSON.stringify(word)} (from the command line), expected key=value, a .json file or a named configuration`,
    )
  })

  test('__proto__ stays an own key and touches no prototype', () => {
    const { values } = parseOverrides(['__proto__.hostile=1', 'a={"__proto__": {"hostile": 1}}'])
    expect(Object.keys(merge({}, values))).toStrictEqual(['__proto__', 'a'])
    expect(({} as Record<string, unknown>).hostile).toBeUndefined()
  })

  test('merging changes neither side', () => {
    const base = { a: { b: 1 } }
    const over = { a: { c: 2 } }
    expect(merge(base, over)).toStrictEqual({ a: { b: 1, c: 2 } })
    expect([base, over]).toStrictEqual([{ a: { b: 1 } }, { a: { c: 2 } }])
  })
})

describe('nearest name', () => {
  test.each([
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
    ['ab', 'ba', 1],
    ['abcd', 'acbd', 1],
    ['ca', 'abc', 3],
    ['same', 'same', 0],
  ])('distance of "%s" and "%s" is %i', (a, b, distance) => {
    expect(editDistance(a, b)).toBe(distance)
    expect(editDistance(b, a)).toBe(distance)
  })

  test('finds the near one, ignores case, and gives none when all are far', () => {
    expect(nearest('Image_Sise', ['image_scale', 'image_size'])).toBe('image_size')
    expect(nearest('zzzzzz', ['image_size', 'dice'])).toBeUndefined()
    expect(nearest('x', [])).toBeUndefined()
  })
})

import { expect, test } from 'vitest'
import { InputError } from '../../src/util/error.ts'
import { jsonValue, refuseProtoKey } from '../../src/util/json.ts'

test('a byte order mark is no part of the text, and positions do not count it', () => {
  expect(jsonValue('\uFEFF{"a": [1]}', 'x.json')).toEqual({ a: [1] })
  expect(() => jsonValue('\uFEFF{"a" 1}', 'x.json')).toThrow(new InputError("x.json:1:6: found 1, expected ':'"))
})

test('the key __proto__ is refused at any depth, as a value it is text', () => {
  for (const text of ['{"__proto__": 1}', '{"a": [{"__proto__": {}}]}', '{"a": {"\\u005f_proto__": 1}}'])
    expect(() => refuseProtoKey(jsonValue(text, 'x.json'), 'x.json')).toThrow(
      new InputError('x.json: has the key "__proto__", expected another name'),
    )
  refuseProtoKey(['__proto__', { constructor: 1 }], 'x.json')
})

test('what is nested too deep for a walk is refused before it is parsed; brackets in text do not count', () => {
  const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`
  expect(() => jsonValue(nested(1_000_000), 'x.json')).toThrow(
    new InputError('x.json: its JSON is nested deeper than 100 levels'),
  )
  expect(jsonValue(JSON.stringify({ text: `"${'['.repeat(200)}` }), 'x.json')).toEqual({ text: `"${'['.repeat(200)}` })
  refuseProtoKey(jsonValue(nested(100), 'x.json'), 'x.json')
})

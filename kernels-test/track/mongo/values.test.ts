import { expect, test } from 'vitest'
import { parseMongoAddress } from '../../../src/track/mongo/address.ts'
import { CapturedText } from '../../../src/track/mongo/console.ts'
import { Thinning } from '../../../src/track/mongo/thinning.ts'
import { mongoValue } from '../../../src/track/mongo/values.ts'
import { InputError } from '../../../src/util/error.ts'

const LOCAL = 'mongodb://localhost:27017/'

test.each([
  ['sacred', LOCAL, 'sacred', 'runs', `${LOCAL}sacred`],
  ['my_db.old', LOCAL, 'my_db', 'old', `${LOCAL}my_db.old`],
  [
    'gpu-3.lab.example:27018',
    'mongodb://gpu-3.lab.example:27018/',
    'sacred',
    'runs',
    'mongodb://gpu-3.lab.example:27018/sacred',
  ],
  ['10.0.0.7:27017:organs', 'mongodb://10.0.0.7:27017/', 'organs', 'runs', 'mongodb://10.0.0.7:27017/organs'],
  ['mongodb://h', 'mongodb://h', 'sacred', 'runs', 'mongodb://h/sacred'],
  [
    'mongodb://h:1,[::1]:2/a%20b?replicaSet=r',
    'mongodb://h:1,[::1]:2/a%20b?replicaSet=r',
    'a b',
    'runs',
    'mongodb://h:1,[::1]:2/a b',
  ],
  [
    'mongodb+srv://u:p%40ss@h.example/db?x=1',
    'mongodb+srv://u:p%40ss@h.example/db?x=1',
    'db',
    'runs',
    'mongodb+srv://h.example/db',
  ],
])('-m %s', (text, url, database, collection, shown) => {
  expect(parseMongoAddress(text)).toStrictEqual({ url, database, collection, shown })
})

test.each([
  '',
  ':27017',
  'host:0:db',
  'host:65536:db',
  'host::db',
  '9db',
  'a/b',
  'my_db.runs:7',
  'db!30',
  'db.metrics',
  'db.fs',
  '-h:1:db',
])('-m %j is refused in one line that repeats it', text => {
  const parse = () => parseMongoAddress(text)
  expect(parse).toThrow(InputError)
  expect(parse).toThrow(`-m ${text}: expected [host:port:]database[.collection], host:port or a mongodb:// URL`)
})

test.each([
  'mongodb://',
  'mongodb://user:secret@',
  'mongodb://user:secret',
  'mongodb://user:secret/x@host/db',
  'mongodb://user:sec@ret@host/db',
  'mongodb://host:secret/db',
  'mongodb://host/%E0%A4%A?secret',
  'user:secret@host:27017:db',
])('%s is refused, and nothing of it is repeated', text => {
  const parse = () => parseMongoAddress(text)
  expect(parse).toThrow(InputError)
  expect(parse).toThrow(/^-m: (?!.*secret).*expected .*$/)
})

test('keys are renamed as Sacred renames them, whole numbers stay whole', () => {
  const value = mongoValue(
    { $a: { 'b.c.d': [{ '$.': 1 }] }, seed: 2 ** 40, rate: 1e-3, n: -(2 ** 31) },
    n => `long ${n}` as never,
  )
  expect(value).toStrictEqual({ '@a': { 'b,c,d': [{ '@,': 1 }] }, seed: `long ${2 ** 40}`, rate: 1e-3, n: -(2 ** 31) })
})

test('thinning takes 100,000 points whole, then each 20,000 at twice the stride, so that 10⁷ fit into a document', () => {
  const steps: number[] = []
  const thinning = new Thinning()
  const all = 300_000
  for (let step = 0; step < all; step++) if (thinning.takes()) steps.push(step)
  const differences = new Map<number, number>()
  for (let i = 1; i < steps.length; i++) {
    const stride = steps[i]! - steps[i - 1]!
    differences.set(stride, (differences.get(stride) ?? 0) + 1)
  }
  expect([...differences]).toStrictEqual([
    [1, 100_000],
    [2, 20_000],
    [4, 20_000],
    [8, 9_999],
  ])
  for (let step = all; step < 10_000_000; step++) if (thinning.takes()) steps.push(step)
  expect(steps.length).toBeGreaterThan(200_000)
  expect(44 * steps.length).toBeLessThan(16 * 2 ** 20) // bytes of a point in BSON
})

test('console output keeps the beginning and the end; a text without news is not taken again', () => {
  const text = new CapturedText()
  expect(text.take()).toBeUndefined()
  text.add('epoch 1\n')
  expect(text.take()).toBe('epoch 1\n')
  expect(text.take()).toBeUndefined()
  const line = `${'x'.repeat(99)}\n`
  for (let i = 0; i < 30_000; i++) text.add(line)
  text.add('the end\n')
  const long = text.take()!
  expect(long.length).toBeLessThan(800 * 1024)
  expect(long.startsWith(`epoch 1\n${line}`)).toBe(true)
  expect(long.endsWith(`${line}the end\n`)).toBe(true)
  const [, left] = /^\[… (\d+) characters left out …\]$/m.exec(long)!
  expect(long.replace(/^\[….*\n/m, '').length + Number(left)).toBe(8 + 30_000 * 100 + 8)
})

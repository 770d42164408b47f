import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { OrderedDict, PyFloat, type PyValue, tupleOf } from '../../src/checkpoint/pickle/value.ts'
import { parsePth } from '../../src/checkpoint/pth.ts'
import { encodePth, readPth } from '../../src/checkpoint/pth_file.ts'
import { readZip } from '../../src/checkpoint/zip.ts'

const fixture = (version: string) => fileURLToPath(new URL(`torch-${version}.pth`, import.meta.url))
const roundTrip = (value: PyValue) => parsePth(Buffer.concat(encodePth(value)), 'written')
const f32 = (shape: number[], data: number[]) => ({ dtype: 'f32' as const, shape, data: Float32Array.from(data) })

/** What make_fixture.py put there. */
const odd: [string, PyValue][] = [
  [
    'transposed',
    f32(
      [4, 2, 3],
      [0, 1, 2, 3].flatMap(d => [0, 4, 8, 12, 16, 20].map(start => start + d)),
    ),
  ],
  ['slice', f32([3, 3], [6, 8, 10, 12, 14, 16, 18, 20, 22])],
  ['expanded', f32([2, 3], [5, 5, 5, 6, 6, 6])],
  ['scalar', f32([], [2.5])],
  ['empty', f32([0, 3], [])],
  ['flags', { dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) }],
  ['counts', { dtype: 'i64', shape: [2], data: BigInt64Array.of(-1n, 2n ** 40n) }],
  ['labels', { dtype: 'i32', shape: [2], data: Int32Array.of(-3, 2 ** 31 - 1) }],
  ['bytes', { dtype: 'u8', shape: [2], data: Uint8Array.of(0, 255) }],
  ['double', { dtype: 'f64', shape: [1], data: Float64Array.of(0.1) }],
  ['half', f32([5], [1.5, -65504, 2 ** -24, Number.POSITIVE_INFINITY, 0])],
  ['brain', f32([3], [1.5, -(2 ** 100), Number.NEGATIVE_INFINITY])],
  ['parameter', f32([2], [1, 1])],
  ['size', tupleOf(4, 5)],
  ['numpy', [0.1, 0.5, -3, 7, true]],
]
const plain: PyValue = [
  ...[null, true, -1, 300, 70000, -(2 ** 31), 2 ** 45, 2n ** 70n, -(2n ** 70n), 0.25, 'grün'],
  ...[tupleOf(), tupleOf(1), tupleOf(1, 2), new Map(), new Map([[3, []]])],
]

describe.each(['1.13', '2.13'])('a file of torch %s', version => {
  const file = readPth(fixture(version)) as Map<string, PyValue>
  const values = file.get('odd') as Map<string, PyValue>

  it.each(odd)('holds %s', (name, expected) => {
    expect(values.get(name)).toStrictEqual(expected)
  })

  it('holds plain values', () => {
    const read = values.get('plain') as PyValue[]
    expect(read).toStrictEqual(plain)
    expect(read.map(item => Object.isFrozen(item) && Array.isArray(item))).toStrictEqual(
      (plain as PyValue[]).map(item => Object.isFrozen(item) && Array.isArray(item)),
    )
  })

  it('keeps the order of the state_dict and its class', () => {
    const model = file.get('model_state_dict')
    expect(model).toBeInstanceOf(OrderedDict)
    expect([...(model as OrderedDict).keys()].slice(3, 8)).toStrictEqual([
      ...['1.bias', '1.running_mean', '1.running_var', '1.num_batches_tracked', '2.weight'],
    ])
  })

  it('is the same after writing and reading again', () => {
    expect(roundTrip(file)).toStrictEqual(file)
  })
})

describe('writing', () => {
  it('keeps numbers as they are, floats as floats', () => {
    const numbers = [
      0,
      -0,
      255,
      256,
      -1,
      2 ** 31 - 1,
      2 ** 31,
      -(2 ** 31) - 1,
      2 ** 53 - 1,
      1e300,
      2 ** 53,
      -128,
      2 ** 63,
    ]
    const special = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]
    expect(roundTrip([...numbers, ...special])).toStrictEqual([...numbers, ...special])
    // BINFLOAT is 'G' and the number, highest byte first.
    const entries = readZip(Buffer.concat(encodePth(new PyFloat(3))), 'written')
    expect(Buffer.from(entries.get('archive/data.pkl')!).toString('hex')).toBe('80024740080000000000002e')
  })

  it('starts every storage on a multiple of 64 bytes and gives the same bytes for the same value', () => {
    const value = new Map<string, PyValue>([1, 3, 64, 17].map(n => [`t${n}`, f32([n], Array(n).fill(n))]))
    const bytes = Buffer.concat(encodePth(value))
    const entries = readZip(bytes, 'written')
    const storages = [...entries].filter(([name]) => name.startsWith('archive/data/'))
    expect(storages.map(([name]) => name)).toStrictEqual([0, 1, 2, 3].map(i => `archive/data/${i}`))
    expect(storages.map(([, data]) => (data.byteOffset - bytes.byteOffset) % 64)).toStrictEqual([0, 0, 0, 0])
    expect(Buffer.concat(encodePth(value)).equals(bytes)).toBe(true)
  })

  it('takes part of a larger buffer as the tensor it is', () => {
    const part = Float32Array.from([1, 2, 3, 4, 5]).subarray(1, 4)
    expect(roundTrip({ dtype: 'f32', shape: [3, 1], data: part })).toStrictEqual(f32([3, 1], [2, 3, 4]))
  })

  it('refuses a tensor whose data do not fit its shape', () => {
    expect(() => encodePth({ dtype: 'f32', shape: [2, 2], data: Float32Array.of(1) })).toThrow('4 for shape [2,2]')
  })
})

it('reads bytes that lie anywhere in memory', () => {
  const bytes = readFileSync(fixture('1.13'))
  const moved = new Uint8Array(bytes.length + 1)
  moved.set(bytes, 1)
  expect(parsePth(moved.subarray(1), 'moved')).toStrictEqual(parsePth(bytes, 'file'))
})

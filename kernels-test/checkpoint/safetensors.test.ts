import { describe, expect, it } from 'vitest'
import type { TorchTensor } from '../../src/checkpoint/pickle/torch_tensor.ts'
import { encodeSafetensors, parseSafetensors } from '../../src/checkpoint/safetensors.ts'
import { InputError } from '../../src/util/error.ts'
import { f32 } from './example.ts'

const tensors = new Map<string, TorchTensor>([
  ['bytes', { dtype: 'u8', shape: [3], data: Uint8Array.of(1, 2, 3) }],
  ['flags', { dtype: 'bool', shape: [1, 2], data: Uint8Array.of(1, 0) }],
  ['labels', { dtype: 'i32', shape: [1], data: Int32Array.of(-7) }],
  ['weight', f32([2, 2], [1, 2, 3, 4])],
  ['scalar', f32([], [0.5])],
  ['empty', f32([0, 4], [])],
  ['counts', { dtype: 'i64', shape: [1], data: BigInt64Array.of(-(2n ** 40n)) }],
  ['double', { dtype: 'f64', shape: [1], data: Float64Array.of(0.1) }],
])
const metadata = { format: 'pt', names: 'größer' }

/** A file with a header and data of our own. */
function file(header: unknown, data: ArrayLike<number> = []): Uint8Array {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = new Uint8Array(BigUint64Array.of(BigInt(text.length)).buffer)
  return Buffer.concat([length, text, Uint8Array.from(data)])
}
const entry = (dtype: string, shape: unknown, offsets: unknown) => ({ dtype, shape, data_offsets: offsets })

describe('safetensors', () => {
  it('is the same after writing and reading again, wider elements first', () => {
    const read = parseSafetensors(Buffer.concat(encodeSafetensors({ tensors, metadata })), 'model.safetensors')
    expect(new Map([...read.tensors].sort())).toStrictEqual(new Map([...tensors].sort()))
    expect(read.metadata).toStrictEqual(metadata)
    expect([...read.tensors.keys()].slice(0, 3)).toStrictEqual(['counts', 'double', 'labels'])
  })

  it('reads half precision as f32', () => {
    const bytes = file({ h: entry('F16', [2], [0, 4]), b: entry('BF16', [1], [4, 6]) }, [0, 0x3e, 0, 0xbc, 0xc0, 0x3f])
    expect(parseSafetensors(bytes, 'half').tensors).toStrictEqual(
      new Map([
        ['h', f32([2], [1.5, -1])],
        ['b', f32([1], [1.5])],
      ]),
    )
  })

  it.each([0, 1, 2, 3])('reads elements that lie on any byte: %i', more => {
    const bytes = file(`${JSON.stringify({ a: entry('F32', [1], [0, 4]) })}${' '.repeat(more)}`, [0, 0, 0x80, 0x3f])
    expect(parseSafetensors(bytes, 'odd').tensors.get('a')).toStrictEqual(f32([1], [1]))
  })

  it('refuses to write a tensor whose data do not fit its shape', () => {
    const torn = new Map([['torn', { ...f32([3], [1, 2, 3]), shape: [4] }]])
    expect(() => encodeSafetensors({ tensors: torn, metadata: {} })).toThrow('4 for shape [4]')
  })

  it('refuses a file of every length but its own', () => {
    const bytes = Buffer.concat(encodeSafetensors({ tensors, metadata }))
    for (let length = 0; length < bytes.length; length++) {
      expect(() => parseSafetensors(bytes.subarray(0, length), 'short'), `${length} bytes`).toThrow(InputError)
    }
    expect(() => parseSafetensors(Buffer.concat([bytes, Uint8Array.of(0)]), 'long')).toThrow(InputError)
  })

  it.each<[string, Uint8Array, RegExp]>([
    ['a header beyond the file', Buffer.from('ffffffffffffffff7b7d', 'hex'), /header has 18446744073709551615 bytes/],
    ['a header of 20 MiB', file(`{}${' '.repeat(20 * 2 ** 20)}`), /at most 16 MiB/],
    ['no JSON', file('{"a'), /not a JSON object/],
    ['a list', file('[]'), /not a JSON object/],
    ['an entry that is nothing', file({ a: null }), /"a" has dtype undefined/],
    ['an unknown type', file({ a: entry('F4', [2], [0, 1]) }, [0]), /"a" has dtype "F4", expected one of F64/],
    ['a type out of Object.prototype', file({ a: entry('toString', [2], [0, 1]) }, [0]), /has dtype "toString"/],
    ['a negative axis', file({ a: entry('U8', [-1, -1], [0, 1]) }, [0]), /no valid shape/],
    ['65 axes', file({ a: entry('U8', Array(65).fill(1), [0, 1]) }, [0]), /no valid shape/],
    [
      'axes that overflow',
      file({
        a: entry(
          'U8',
          Array(64)
            .fill(2 ** 50)
            .concat(0)
            .slice(1),
          [0, 0],
        ),
      }),
      /bytes, expected NaN/,
    ],
    ['one offset', file({ a: entry('U8', [1], [0]) }, [0]), /data_offsets/],
    ['a size that is not the shape’s', file({ a: entry('F32', [2], [0, 4]) }, [0, 0, 0, 0]), /4 bytes, expected 8/],
    ['offsets beyond the file', file({ a: entry('U8', [8], [0, 8]) }, [0]), /have 8 bytes, the file holds 1/],
    [
      'overlapping tensors',
      file({ a: entry('U8', [2], [0, 2]), b: entry('U8', [2], [1, 3]) }, [0, 0, 0]),
      /expected 2/,
    ],
    ['a hole', file({ a: entry('U8', [1], [1, 2]) }, [0, 0]), /begins at byte 1, expected 0/],
    ['bytes of no tensor', file({ a: entry('U8', [1], [0, 1]) }, [0, 0]), /have 1 bytes, the file holds 2/],
    ['metadata that are no texts', file({ __metadata__: { a: 1 } }), /__metadata__/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parseSafetensors(bytes, 'hostile.safetensors')).toThrow(InputError)
    expect(() => parseSafetensors(bytes, 'hostile.safetensors')).toThrow(message)
    expect(() => parseSafetensors(bytes, 'hostile.safetensors')).toThrow(/^hostile\.safetensors: [^\n]+$/)
  })
})

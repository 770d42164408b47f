import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { PyValue } from '../../src/checkpoint/pickle/value.ts'
import { writePickle } from '../../src/checkpoint/pickle/write.ts'
import { parsePth } from '../../src/checkpoint/pth.ts'
import { encodePth, readPth } from '../../src/checkpoint/pth_file.ts'
import { writeZip } from '../../src/checkpoint/zip.ts'
import { InputError } from '../../src/util/error.ts'

const fixture = readFileSync(new URL('torch-1.13.pth', import.meta.url))
const value = new Map<string, PyValue>([
  ['weight', { dtype: 'f32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
  ['steps', { dtype: 'i64', shape: [], data: BigInt64Array.of(3n) }],
  ['names', ['a', 'b']],
  ['rate', 0.5],
])
const small = Buffer.concat(encodePth(value))

/** The value, or undefined where the reading ended in an InputError; any other error fails the test. */
function readOrRefuse(bytes: Uint8Array): PyValue | undefined {
  try {
    return parsePth(bytes, 'hostile.pth')
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    expect(error.message).toMatch(/^hostile\.pth: [^\n]+$/)
    return undefined
  }
}

/** A .pth with a pickle of our own: text as its characters' codes, and one storage '0' of 16 bytes. */
function archive(...parts: string[]): Uint8Array {
  const entry = (name: string, data: Uint8Array) => ({ name: `x/${name}`, data })
  return Buffer.concat(
    writeZip([entry('data.pkl', Buffer.from(parts.join(''), 'latin1')), entry('data/0', new Uint8Array(16))]),
  )
}

const text = (string: string) => `X${String.fromCharCode(string.length)}\0\0\0${string}`
const float64 = (hex: string) => `G${Buffer.from(hex, 'hex').toString('latin1')}`
const long = (number: bigint) => `\x8a\x08${Buffer.from(BigInt64Array.of(number).buffer).toString('latin1')}`
const float8 = `cnumpy\ndtype\n${text('f8')}\x89\x88\x87R`
const storage = (type: string, elements: string, key = '0') =>
  `(${text('storage')}ctorch\n${type}\n${text(key)}${text('cpu')}${elements}tQ`
const tensor = (stored: string, offset: string, shape: string, strides: string) =>
  `\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(${stored}${offset}${shape}${strides}\x89ccollections\nOrderedDict\n)RtR.`

describe('a damaged file', () => {
  it('is refused at every length but its own', () => {
    for (let length = 0; length < small.length; length++) {
      expect(readOrRefuse(small.subarray(0, length)), `${length} bytes`).toBeUndefined()
    }
    for (let length = 0; length < fixture.length; length += 13) {
      expect(readOrRefuse(fixture.subarray(0, length)), `${length} bytes`).toBeUndefined()
    }
  })

  it.each([
    ['ours', small, 1],
    ["torch's", fixture, 5],
  ])('never reads as something else with a bit flipped: %s', (_, bytes, step) => {
    const whole = parsePth(bytes, 'whole')
    let refused = 0
    for (let position = 0; position < bytes.length; position += step) {
      const flipped = Buffer.from(bytes)
      flipped[position]! ^= 1 << (position % 8)
      const read = readOrRefuse(flipped)
      if (read === undefined) refused++
      else expect(isDeepStrictEqual(read, whole), `bit of byte ${position}`).toBe(true)
    }
    // Ours are guarded as a whole; torch's padding, dates and version numbers say nothing.
    const all = Math.ceil(bytes.length / step)
    if (bytes === small) expect(refused).toBe(all)
    else expect(refused).toBeGreaterThan(0.2 * all)
  })

  it('ends in a value or an InputError whatever byte stands where in the pickle', () => {
    const { pickle, tensors } = writePickle(value)
    const files = tensors.map((t, i) => ({ name: `x/data/${i}`, data: new Uint8Array(t.data.buffer) }))
    for (let position = 0; position < pickle.length; position++) {
      for (const byte of [0, 0x28, 0x29, 0x2e, 0x51, 0x52, 0x61, 0x62, 0x68, 0x74, 0x75, 0x7d, 0x8a, 0xff]) {
        const changed = Uint8Array.from(pickle)
        changed[position] = byte
        readOrRefuse(Buffer.concat(writeZip([{ name: 'x/data.pkl', data: changed }, ...files])))
      }
    }
  })
})

describe('a pickle made to harm', () => {
  it('is read where it is honest: the tensor of these tests', () => {
    const honest = tensor(storage('FloatStorage', 'K\x04'), 'K\x01', 'K\x03\x85', 'K\x01\x85')
    expect(readOrRefuse(archive(honest))).toStrictEqual({ dtype: 'f32', shape: [3], data: new Float32Array(3) })
  })

  it.each<[string, string, RegExp]>([
    [
      'a forbidden global',
      `\x80\x02cposix\nsystem\n${text('true')}\x85R.`,
      /"posix\.system", which is not on the list/,
    ],
    ['builtins', `\x80\x02c__builtin__\neval\n${text('1')}\x85R.`, /"__builtin__\.eval"/],
    ['a name of Object.prototype', '\x80\x02ctorch\nconstructor\n.', /"torch\.constructor"/],
    ['a line end in a name', '\x80\x02cos\r\nsystem\n.', /"os\\r\.system"/],
    ['an instance', '\x80\x02(ios\nsystem\n.', /operation 0x69/],
    ['another protocol', '\x80\x04N.', /protocol 4, expected 2/],
    ['a bare class', '\x80\x02ccollections\nOrderedDict\n.', /bare class/],
    ['a bare storage', `\x80\x02${storage('FloatStorage', 'K\x04')}.`, /bare class, function or storage/],
    ['a storage called', `\x80\x02ctorch\nFloatStorage\n)R.`, /not callable/],
    ['a parameter of nothing', `\x80\x02ctorch._utils\n_rebuild_parameter\n)R.`, /parameter that is not a tensor/],
    ['bytes alone', `\x80\x02c_codecs\nencode\n${text('a')}${text('latin1')}\x86R.`, /bare class, function/],
    [
      'bytes longer than a number',
      `\x80\x02c_codecs\nencode\n${text('a'.repeat(9))}${text('latin1')}\x86R.`,
      /9 bytes, expected/,
    ],
    [
      'a size of many axes',
      `\x80\x02ctorch\nSize\n(${'K\x01'.repeat(65)}t\x85R.`,
      /torch\.Size of 65 axes, at most 64/,
    ],
    ['another codec', `\x80\x02c_codecs\nencode\n${text('a')}${text('zlib')}\x86R.`, /not latin1/],
    [
      'numpy objects',
      `\x80\x02cnumpy\ndtype\n${text('O8')}\x89\x88\x87R.`,
      /unsupported numpy type, expected one of f8/,
    ],
    [
      'a big-endian number',
      `\x80\x02cnumpy\ndtype\n${text('f8')}\x89\x88\x87RK\x03${text('>')}\x86b.`,
      /little-endian/,
    ],
    [
      'a short number',
      `\x80\x02cnumpy.core.multiarray\nscalar\n${float8}c_codecs\nencode\n${text('a')}${text('latin1')}\x86R\x86R.`,
      /numpy f8 of 1 bytes/,
    ],
    ['a number of no bytes', `\x80\x02cnumpy.core.multiarray\nscalar\n${float8}N\x86R.`, /numpy scalar without a type/],
    ['attributes of a list', '\x80\x02]}b.', /sets attributes/],
    ['an empty stack', '\x80\x02.', /unfinished/],
    ['two values', '\x80\x02NN.', /unfinished/],
    ['a mark left', '\x80\x02(N.', /unfinished|not there/],
    ['a value below the mark', '\x80\x02]N(a.', /not there/],
    ['no mark', '\x80\x02]e.', /has not opened/],
    ['an unknown memo', '\x80\x02h\x07.', /recalls value 7/],
    ['no end', '\x80\x02N', /truncated/],
    ['a long string', '\x80\x02X\xff\xff\xff\x7fa.', /truncated/],
    ['bytes that are no text', '\x80\x02X\x01\0\0\0\xff.', /UTF-8/],
    ['a tuple extended', '\x80\x02)Na.', /not a list/],
    ['half an item', '\x80\x02}(Nu.', /not a dict/],
    ['a list as key', '\x80\x02}]Ns.', /neither a string nor a number/],
    ['a list in itself', '\x80\x02]q\x00h\x00a.', /deep/],
    ['a dict in itself', '\x80\x02}q\x00K\x01h\x00s.', /deep/],
    ['marks', `\x80\x02${'('.repeat(2000)}`, /1000 nested/],
    ['lists in lists', `\x80\x02${']'.repeat(200)}${'a'.repeat(199)}.`, /100 deep/],
    ['operations', `\x80\x02${'N'.repeat(2_000_001)}`, /2000000 operations/],
  ])('%s', (_, pickle, message) => {
    expect(() => parsePth(archive(pickle), 'hostile.pth')).toThrow(message)
    expect(readOrRefuse(archive(pickle))).toBeUndefined()
  })

  it.each<[string, string, RegExp]>([
    [
      'one element too far',
      tensor(storage('FloatStorage', 'K\x04'), 'K\x02', 'K\x03\x85', 'K\x01\x85'),
      /exceeds its storage/,
    ],
    [
      'a stride too long',
      tensor(storage('FloatStorage', 'K\x04'), 'K\x00', 'K\x02\x85', 'K\x04\x85'),
      /exceeds its storage/,
    ],
    [
      'an offset alone',
      tensor(storage('FloatStorage', 'K\x04'), 'K\x05', 'K\x00\x85', 'K\x01\x85'),
      /exceeds its storage/,
    ],
    [
      'a negative offset',
      tensor(storage('FloatStorage', 'K\x04'), long(-1n), 'K\x01\x85', 'K\x01\x85'),
      /not integers/,
    ],
    [
      'a negative stride',
      tensor(storage('FloatStorage', 'K\x04'), 'K\x03', 'K\x02\x85', `${long(-1n)}\x85`),
      /not integers/,
    ],
    [
      'a float as axis',
      tensor(storage('FloatStorage', 'K\x04'), 'K\x00', `${float64('3ff8000000000000')}\x85`, 'K\x01\x85'),
      /not integers/,
    ],
    [
      'strides of another rank',
      tensor(storage('FloatStorage', 'K\x04'), 'K\x00', 'K\x01K\x01\x86', 'K\x01\x85'),
      /matching rank/,
    ],
    [
      'a bomb of stride 0',
      tensor(storage('FloatStorage', 'K\x04'), 'K\x00', `${long(2n ** 40n)}\x85`, 'K\x00\x85'),
      /take more than/,
    ],
    [
      'axes that overflow',
      tensor(
        storage('FloatStorage', 'K\x04'),
        'K\x00',
        `(${long(2n ** 52n).repeat(30)}K\x00t`,
        `(${'K\x00'.repeat(31)}t`,
      ),
      /exceeds its storage/,
    ],
    [
      '65 axes',
      tensor(storage('FloatStorage', 'K\x04'), 'K\x00', `(${'K\x01'.repeat(65)}t`, `(${'K\x01'.repeat(65)}t`),
      /65 axes/,
    ],
    [
      'a storage of another length',
      tensor(storage('FloatStorage', 'K\x05'), 'K\x00', 'K\x01\x85', 'K\x01\x85'),
      /16 bytes, expected 5 elements/,
    ],
    [
      'a storage that is not there',
      tensor(storage('FloatStorage', 'K\x04', '9'), 'K\x00', 'K\x01\x85', 'K\x01\x85'),
      /missing from the archive/,
    ],
    [
      'a path as storage',
      tensor(storage('FloatStorage', 'K\x04', '../../data.pkl'), 'K\x00', 'K\x01\x85', 'K\x01\x85'),
      /missing from the archive/,
    ],
    ['no storage', tensor('N', 'K\x00', 'K\x01\x85', 'K\x01\x85'), /without a storage/],
    [
      'a function as storage class',
      tensor(
        `(${text('storage')}ccollections\nOrderedDict\n${text('0')}${text('cpu')}K\x04tQ`,
        'K\x00',
        'K\x01\x85',
        'K\x01\x85',
      ),
      /missing from the archive/,
    ],
    [
      'complex numbers',
      tensor(storage('ComplexFloatStorage', 'K\x02'), 'K\x00', 'K\x01\x85', 'K\x01\x85'),
      /ComplexFloatStorage/,
    ],
  ])('a tensor with %s', (_, pickle, message) => {
    expect(() => parsePth(archive(pickle), 'hostile.pth')).toThrow(message)
    expect(readOrRefuse(archive(pickle))).toBeUndefined()
  })

  it('a tuple of itself twice, forty times over', () => {
    const doubled = Array.from(
      { length: 40 },
      (_, i) => `h${String.fromCharCode(i)}h${String.fromCharCode(i)}\x86q${String.fromCharCode(i + 1)}`,
    )
    expect(() => parsePth(archive(`\x80\x02(Nq\0${doubled.join('')}t.`), 'x')).toThrow('more than 1000000 values')
  })
})

describe('an archive made to harm', () => {
  const edit = (change: (bytes: Buffer) => void): Uint8Array => {
    const bytes = Buffer.from(small)
    change(bytes)
    return bytes
  }
  const end = small.length - 22 - 'sha256 '.length - 64
  const directory = small.readUInt32LE(end + 16)

  it.each<[string, Uint8Array, RegExp]>([
    ['no zip', Buffer.from('hello'), /not a zip archive/],
    ['nothing', new Uint8Array(0), /not a zip archive/],
    ['the format before 1.6', Buffer.from('8002', 'hex'), /before 1\.6/],
    ['no data.pkl', Buffer.concat(writeZip([{ name: 'x/version', data: Buffer.from('3') }])), /without data\.pkl/],
    [
      'an entry twice',
      Buffer.concat(writeZip([1, 2].map(n => ({ name: 'x/data.pkl', data: Uint8Array.of(n) })))),
      /twice/,
    ],
    ['Zip64', edit(bytes => bytes.writeUInt32LE(0xffffffff, end + 16)), /Zip64/],
    [
      'more entries than there are',
      edit(bytes => [8, 10].map(at => bytes.writeUInt16LE(0xfffe, end + at))),
      /no zip directory entry/,
    ],
    ['a deflated entry', edit(bytes => bytes.writeUInt16LE(8, directory + 10)), /compressed \(method 8\)/],
    ['an encrypted entry', edit(bytes => bytes.writeUInt16LE(1, directory + 8)), /encrypted/],
    [
      'an entry of 4 GB',
      edit(bytes => [20, 24].map(at => bytes.writeUInt32LE(0xfffffff0, directory + at))),
      /larger than the file/,
    ],
    [
      'an entry into the directory',
      edit(bytes => [20, 24].map(at => bytes.writeUInt32LE(directory, directory + at))),
      /reaches past/,
    ],
    ['an entry elsewhere', edit(bytes => bytes.writeUInt32LE(directory - 8, directory + 42)), /no zip header/],
    [
      'a large pickle',
      Buffer.concat(writeZip([{ name: 'x/data.pkl', data: new Uint8Array(2 ** 25 + 1) }])),
      /at most 33554432/,
    ],
    [
      'the other byte order',
      Buffer.concat(
        writeZip([
          { name: 'x/data.pkl', data: Buffer.from('\x80\x02N.', 'latin1') },
          { name: 'x/byteorder', data: Buffer.from('big') },
        ]),
      ),
      /byte order "big"/,
    ],
  ])('%s', (_, bytes, message) => {
    expect(() => parsePth(bytes, 'hostile.pth')).toThrow(message)
    expect(readOrRefuse(bytes)).toBeUndefined()
  })

  it.each([
    ['missing', '/nowhere/at/all.pth', 'no such file, expected a checkpoint (.pth or .pt)'],
    ['a folder', import.meta.dirname, 'is a folder, expected a checkpoint (.pth or .pt)'],
  ])('a path that is %s', (_, path, reason) => {
    expect(() => readPth(path)).toThrow(InputError)
    expect(() => readPth(path)).toThrow(reason)
    expect(() => readPth(path)).toThrow(path)
  })
})

import type { RandomStream } from '../../src/util/random.ts'

/** Sizes and counts that a reader may believe. */
const EXTREMES = [0, 1, 0xffffffff, 0x7fffffff, 0x80000000, 0xffff]
const FILLS = [0, 0xff, 0x7f, 0x80]

type Mutation = (bytes: Buffer, place: number, random: RandomStream) => Buffer

const bytesOf = (count: number, random: RandomStream): Buffer =>
  Buffer.from(Array.from({ length: count }, () => random.integer(256)))

const MUTATIONS: readonly Mutation[] = [
  function flip(bytes, place, random) {
    bytes[place]! ^= 1 << random.integer(8)
    return bytes
  },
  function cut(bytes, place) {
    return bytes.subarray(0, place)
  },
  function overwrite(bytes, place, random) {
    bytesOf(1 + random.integer(16), random).copy(bytes, place)
    return bytes
  },
  function fill(bytes, place, random) {
    const end = Math.min(bytes.length, place + 2 ** (1 + random.integer(3)))
    return bytes.fill(FILLS[random.integer(FILLS.length)]!, place, end)
  },
  function leaveOut(bytes, place, random) {
    return Buffer.concat([bytes.subarray(0, place), bytes.subarray(place + 1 + random.integer(64))])
  },
  function insert(bytes, place, random) {
    return Buffer.concat([bytes.subarray(0, place), bytesOf(1 + random.integer(64), random), bytes.subarray(place)])
  },
  function copyFromElsewhere(bytes, place, random) {
    const from = random.integer(bytes.length)
    Buffer.from(bytes.subarray(from, from + 1 + random.integer(128))).copy(bytes, place)
    return bytes
  },
  function claim(bytes, place, random) {
    if (place + 4 <= bytes.length) bytes.writeUInt32LE(EXTREMES[random.integer(EXTREMES.length)]!, place)
    return bytes
  },
]

/** Up to three mutations, most of them in the first `head` bytes. Never the original itself. */
export function mutate(original: Uint8Array, random: RandomStream, head: number): Buffer {
  let bytes: Buffer = Buffer.from(original)
  const count = 1 + random.integer(3)
  for (let i = 0; i < count && bytes.length > 1; i++) {
    const reach = random.uniform() < 0.75 ? Math.min(head, bytes.length) : bytes.length
    bytes = MUTATIONS[random.integer(MUTATIONS.length)]!(bytes, random.integer(reach), random)
  }
  if (bytes.equals(original)) bytes[random.integer(bytes.length)]! ^= 1
  return bytes
}

const VALUES = [
  ...['null', '[]', '{}', '""', '-1', '0', '1e308', '-0.5', '4294967296', '9007199254740993', 'true', '1e999'],
  ...['"__proto__"', '"constructor"', '"../../x"', '"\\u0000\\u001b[31m\\n"', '"\\ud800"', `"${'x'.repeat(3000)}"`],
  ...[`${'['.repeat(20_000)}${']'.repeat(20_000)}`, '{"__proto__":{"patches":true}}'],
]

/** JSON with a few of its values or names replaced by others, or mutated as bytes. */
export function mutateJson(original: string, random: RandomStream): Buffer {
  if (random.uniform() < 0.4) return mutate(Buffer.from(original), random, original.length)
  let text = original
  for (let i = 0; i <= random.integer(3); i++) {
    const tokens = [...text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|-?\d[\d.eE+-]*|true|false|null/g)]
    const token = tokens[random.integer(tokens.length)]!
    const colon = token[1] ?? ''
    const others = colon ? VALUES.filter(value => value.startsWith('"')) : VALUES
    const other = others[random.integer(others.length)]! + colon
    text = text.slice(0, token.index) + other + text.slice(token.index + token[0].length)
  }
  return Buffer.from(text)
}

/** What may stand in the place of a word of a text header. */
const WORDS = [
  ...[
    '',
    '-1',
    '0',
    '1e308',
    '1e999',
    'nan',
    'inf',
    '4294967296',
    '9007199254740993',
    '0x10',
    '0.5',
    '(1,2,3)',
    'none',
  ],
  ...[
    'LIST',
    '%03d',
    '../x',
    '/dev/zero',
    '\u0000',
    '\u001b[31m',
    '=',
    ':',
    ':=',
    '\n',
    '\n\n',
    '"',
    '('.repeat(3000),
    'x '.repeat(3000),
  ],
]

/** A header of lines, in the first `length` bytes, with a few words replaced or lines repeated or left out, or mutated as bytes. */
export function mutateLines(original: Uint8Array, random: RandomStream, length: number): Buffer {
  if (random.uniform() < 0.4) return mutate(original, random, length)
  const lines = Buffer.from(original).toString('latin1', 0, length).split('\n')
  for (let i = 0; i <= random.integer(3); i++) {
    const at = random.integer(lines.length)
    const words = lines[at]!.split(' ')
    words[random.integer(words.length)] = WORDS[random.integer(WORDS.length)]!
    const way = random.uniform()
    if (way < 0.8) lines[at] = words.join(' ')
    else lines.splice(at, 1, ...(way < 0.9 ? [] : [lines[at]!, lines[at]!]))
  }
  return Buffer.concat([Buffer.from(lines.join('\n'), 'latin1'), original.subarray(length)])
}

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeZip } from '../../src/checkpoint/zip.ts'
import { type Hostile, inflatesTo } from './hostile.ts'

/** A model that `inspect` is given. */
function model(name: string, file: string, bytes: (folder: string) => Uint8Array, ends?: 'either'): Hostile {
  return {
    name,
    ...(ends && { ends }),
    make: folder => {
      writeFileSync(join(folder, file), bytes(folder))
      return ['inspect', join(folder, file)]
    },
  }
}

const pth = (pickle: Uint8Array | string): Buffer =>
  Buffer.concat(
    writeZip([
      { name: 'x/data.pkl', data: typeof pickle === 'string' ? Buffer.from(pickle, 'latin1') : pickle },
      { name: 'x/data/0', data: new Uint8Array(4) },
    ]),
  )

/** A zip archive with one deflated entry, made by hand since the program writes none. */
function deflated(name: string, size: number): Buffer {
  const data = inflatesTo(size)
  const fields = Buffer.alloc(26)
  fields.writeUInt16LE(20, 0)
  fields.writeUInt16LE(8, 4)
  fields.writeUInt32LE(data.length, 14)
  fields.writeUInt32LE(size, 18)
  fields.writeUInt16LE(name.length, 22)
  const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), fields, Buffer.from(name), data])
  const entry = Buffer.concat([Buffer.from('PK\x01\x02\x14\0', 'latin1'), fields, Buffer.alloc(14), Buffer.from(name)])
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 0, 'latin1')
  end.writeUInt16LE(1, 8)
  end.writeUInt16LE(1, 10)
  end.writeUInt32LE(entry.length, 12)
  end.writeUInt32LE(local.length, 16)
  return Buffer.concat([local, entry, end])
}

const text = (string: string): string => `X${String.fromCharCode(string.length)}\0\0\0${string}`
const callOf = (command: string): string => `cposix\nsystem\n${text(command)}\x85R`
/** A tensor of one stored number and so many elements. */
const tensor = (elements: string): string =>
  `\x80\x02}${text('w')}ctorch._utils\n_rebuild_tensor_v2\n((${text('storage')}ctorch\nFloatStorage\n${text('0')}${text('cpu')}K\x01tQK\x00${elements}\x85K\x00\x85\x89ccollections\nOrderedDict\n)RtRs.`
/** Pairs of pairs: each line doubles what a walk over the value meets. */
const laughs = Array.from(
  { length: 60 },
  (_, i) => `h${String.fromCharCode(i)}h${String.fromCharCode(i)}\x86q${String.fromCharCode(i + 1)}`,
)

function safetensors(header: string | Uint8Array, length?: bigint, data = new Uint8Array(0)): Buffer {
  const bytes = Buffer.from(header)
  const start = Buffer.alloc(8)
  start.writeBigUInt64LE(length ?? BigInt(bytes.length))
  return Buffer.concat([start, bytes, data])
}

const entry = (from: number, to: number): object => ({
  dtype: 'F32',
  shape: [(to - from) / 4],
  data_offsets: [from, to],
})

export const hostileModels: readonly Hostile[] = [
  model('a pickle that runs a command', 'evil.pth', folder =>
    pth(`\x80\x02}${text('a')}${callOf(`touch ${folder}/RUN`)}s.`),
  ),
  model('the same in protocol 0', 'evil0.pth', folder => pth(`cposix\nsystem\n(S'touch ${folder}/RUN'\ntR.`)),
  model('256 MiB in a deflated pickle', 'bomb.pth', () => deflated('x/data.pkl', 2 ** 28)),
  model('names that lead out of the archive', 'names.pth', () =>
    Buffer.concat(writeZip(['../../x', '/etc/x'].map(name => ({ name, data: Buffer.from('a') })))),
  ),
  model('a pickle of 2⁶⁰ pairs', 'laughs.pth', () => pth(`\x80\x02)q\x00${laughs.join('')}.`)),
  model('2,000,000 marks', 'marks.pth', () => pth(`\x80\x02${'('.repeat(1_900_000)}${'t'.repeat(1_900_000)}.`)),
  model('a list in itself', 'cycle.pth', () => pth('\x80\x02]q\x00h\x00a.')),
  model('a tensor of 2³¹ elements in 4 bytes', 'stride.pth', () => pth(tensor('J\xff\xff\xff\x7f'))),
  model('a tensor of −5 elements', 'negative.pth', () => pth(tensor('J\xfb\xff\xff\xff'))),
  model('__proto__ in a state dict', 'proto.pth', () => pth(`\x80\x02}${text('__proto__')}K\x01s.`)),
  model('an integer of 255 bytes', 'long.pth', () => pth(`\x80\x02\x8a\xff${'\x7f'.repeat(255)}.`)),
  model('safetensors that overlap', 'overlap.safetensors', () =>
    safetensors(JSON.stringify({ x: entry(0, 8), y: entry(4, 12) }), undefined, new Uint8Array(12)),
  ),
  model('a safetensors header of 2⁶³ bytes', 'huge.safetensors', () => safetensors('{', 2n ** 63n)),
  model(
    '__proto__ as a tensor',
    'proto.safetensors',
    () => safetensors(`{"__proto__":${JSON.stringify(entry(0, 0))}}`),
    'either',
  ),
  model('8,000,000 brackets', 'deep.safetensors', () => safetensors(`{"a":${'['.repeat(8e6)}${']'.repeat(8e6)}}`)),
  model('2,000,000 objects in objects', 'objects.safetensors', () =>
    safetensors(`${'{"a":'.repeat(2e6)}1${'}'.repeat(2e6)}`),
  ),
  model(
    '280,000 empty tensors',
    'many.safetensors',
    () => safetensors(JSON.stringify(Object.fromEntries(Array.from({ length: 280_000 }, (_, i) => [i, entry(0, 0)])))),
    'either',
  ),
]

import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ready } from 'h5wasm/node'
import { loadHdf5 } from '../../src/data/hdf5/library.ts'
import { Hdf5Writer } from '../../src/data/hdf5/writer.ts'
import { RandomStream } from '../../src/util/random.ts'
import { imageOf, writeVolume } from '../data/import/input.ts'
import { writeDataset } from '../data/small_dataset.ts'
import { type Hostile, zlibBomb } from './hostile.ts'

const SIZE: [number, number, number] = [16, 32, 16]

/** A whole dataset, to be copied and spoilt. */
export async function makeWhole(folder: string): Promise<string> {
  mkdirSync(folder)
  await writeDataset(folder, { samples: 2, structures: 2, imageSize: SIZE })
  return folder
}

/** A dataset, spoilt, and the command that reads it. */
function dataset(name: string, whole: string, spoil: (folder: string) => void, ends?: 'either'): Hostile {
  return {
    name,
    ...(ends && { ends }),
    make: folder => {
      const copy = join(folder, 'dataset')
      cpSync(whole, copy, { recursive: true })
      spoil(copy)
      return ['inspect', copy]
    },
  }
}

interface Links {
  create_soft_link(file: bigint, target: string, name: string): number
  create_hard_link(file: bigint, target: string, name: string): number
  create_external_link(file: bigint, file_name: string, target: string, name: string): number
  create_group(file: bigint, name: string, track_order: boolean): number
  resize_dataset(file: bigint, path: string, size: bigint[]): number
  close_file(file: bigint): number
}

const library = await loadHdf5()
const module = (await ready) as unknown as Links

/** Writes a train.h5 that lacks its images, and lets `add` put something in their place. */
async function withoutImages(folder: string, add: (file: bigint) => void): Promise<Uint8Array> {
  const path = join(folder, 'train.h5')
  const writer = await Hdf5Writer.create(path, [
    { name: 'masks', kind: 'bool', rowShape: [2, ...SIZE] },
    { name: 'presence_labels', kind: 'int64', rowShape: [2] },
  ])
  writer.append('masks', new Uint8Array(2 * 16 * 32 * 16))
  writer.append('presence_labels', BigInt64Array.of(1n, 0n))
  await writer.finish()
  return changed(path, add)
}

function changed(path: string, change: (file: bigint) => void): Uint8Array {
  const file = library.open(path, 'append')
  change(file)
  module.close_file(file)
  return readFileSync(path)
}

/** A dataset of one sample of noise, whose only image chunk inflates to 300 MiB instead. */
async function bombed(folder: string): Promise<Uint8Array> {
  const path = join(folder, 'train.h5')
  const size = [32, 64, 64]
  const random = new RandomStream({ seed: 1, operation: 0 })
  const noise = Float32Array.from({ length: 32 * 64 * 64 }, () => random.uniform())
  const writer = await Hdf5Writer.create(path, [{ name: 'images', kind: 'float32', rowShape: size }])
  writer.append('images', noise)
  await writer.finish()
  const bytes = readFileSync(path)
  const at = bytes.indexOf(Buffer.from([0x78, 0x5e]))
  zlibBomb(300 * 2 ** 20, 400_000).copy(bytes, at)
  return bytes
}

/** Train files that claim or refer to what is not in them. */
async function trainFiles(folder: string): Promise<Record<string, Uint8Array>> {
  mkdirSync(folder)
  const external = ['/etc/passwd', join(folder, 'val.h5')]
  const [foreign, other] = [await linked(folder, external[0]!), await linked(folder, external[1]!)]
  const claims = join(folder, 'claims.h5')
  const writer = await Hdf5Writer.create(claims, [
    { name: 'images', kind: 'float32', rowShape: SIZE },
    { name: 'masks', kind: 'bool', rowShape: [2, ...SIZE] },
    { name: 'presence_labels', kind: 'int64', rowShape: [2] },
  ])
  await writer.finish()
  return {
    'an external link to a file of the system': foreign,
    'an external link to another dataset': other,
    'a soft link to itself': await withoutImages(folder, file => module.create_soft_link(file, '/images', '/images')),
    'soft links in a circle': await withoutImages(folder, file => {
      module.create_soft_link(file, '/b', '/images')
      module.create_soft_link(file, '/images', '/b')
    }),
    'a group as images': await withoutImages(folder, file => module.create_group(file, '/images', false)),
    'a group that holds itself': await withoutImages(folder, file => {
      module.create_group(file, '/images', false)
      module.create_hard_link(file, '/images', '/images/images')
    }),
    'a claim of 2²⁷ samples': changed(claims, file => {
      const samples = 2n ** 27n
      module.resize_dataset(file, '/images', [samples, ...SIZE.map(BigInt)])
      module.resize_dataset(file, '/masks', [samples, 2n, ...SIZE.map(BigInt)])
      module.resize_dataset(file, '/presence_labels', [samples, 2n])
    }),
    'a chunk that inflates to 300 MiB': await bombed(folder),
  }
}

function linked(folder: string, target: string): Promise<Uint8Array> {
  return withoutImages(folder, file => module.create_external_link(file, target, 'images', '/images'))
}

const edit = (folder: string, change: (metadata: Record<string, unknown>) => unknown): void => {
  const path = join(folder, 'metadata.json')
  const metadata = JSON.parse(readFileSync(path, 'utf8'))
  const text = change(metadata) ?? metadata
  writeFileSync(path, typeof text === 'string' ? text : JSON.stringify(text))
}
const named =
  (...names: string[]) =>
  (folder: string): void =>
    edit(folder, metadata => ({ ...metadata, structure_names: names }))
const pipe = (path: string): void => {
  rmSync(path)
  execFileSync('mkfifo', [path])
}

/** An nnU-Net dataset with such a dataset.json. */
function nnunet(name: string, facts: Record<string, unknown> | string, ends?: 'either'): Hostile {
  return {
    name: `dataset.json: ${name}`,
    ...(ends && { ends }),
    make: folder => {
      const images = join(folder, 'raw')
      for (const n of [0, 1]) {
        writeVolume(join(images, 'imagesTr', `c${n}_0000.nii`), { value: imageOf(n) })
        writeVolume(join(images, 'labelsTr', `c${n}.nii`), { type: 2, value: v => (v < 900 ? 1 : 0) })
      }
      const base = { channel_names: { 0: 'CT' }, labels: { background: 0, a: 1 }, numTraining: 2, file_ending: '.nii' }
      const text = typeof facts === 'string' ? facts : JSON.stringify({ ...base, ...facts })
      writeFileSync(join(images, 'dataset.json'), text)
      return ['import', '--images', images, '--output-dir', join(folder, 'out'), '--image-size', '16,16,16']
    },
  }
}

const many = (count: number): Record<string, unknown> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`s${i}`, i + 1]))

const nnunets: readonly Hostile[] = [
  nnunet('null', 'null'),
  nnunet('a list', '[]'),
  nnunet('nested 100,000 deep', `${'['.repeat(100_000)}${']'.repeat(100_000)}`),
  nnunet('labels in a list', { labels: [1, 2] }),
  nnunet('a label that is an object', { labels: { background: 0, a: { x: 1 } } }),
  nnunet('a label of 10³⁰⁰', { labels: { background: 0, a: 1e300 } }),
  nnunet('100,000 labels', { labels: { background: 0, ...many(100_000) } }, 'either'),
  nnunet('100,000 channels', { channel_names: many(100_000) }),
  nnunet('a name that is a path', { labels: { background: 0, '../../x': 1 } }, 'either'),
  nnunet('a name that is a script', { labels: { background: 0, '<script>': 1 } }, 'either'),
  nnunet('an ending that is a path', { file_ending: '../../../etc/passwd' }),
  nnunet('images of the system', { training: [{ image: '/etc/passwd', label: '/etc/passwd' }] }, 'either'),
]

export async function hostileDatasets(folder: string): Promise<Hostile[]> {
  const whole = await makeWhole(join(folder, 'whole'))
  const files = Object.entries(await trainFiles(join(folder, 'files')))
  const train = ([name, bytes]: [string, Uint8Array]): Hostile[] => {
    const spoil = (copy: string): void => writeFileSync(join(copy, 'train.h5'), bytes)
    return [dataset(name, whole, spoil), validated(dataset(`${name}, validated`, whole, spoil))]
  }
  return [
    ...files.flatMap(train),
    dataset('a named pipe as train.h5', whole, copy => pipe(join(copy, 'train.h5'))),
    dataset('a named pipe as metadata.json', whole, copy => pipe(join(copy, 'metadata.json'))),
    dataset('a named pipe as hashes.json', whole, copy => execFileSync('mkfifo', [join(copy, 'hashes.json')])),
    dataset('an endless device as metadata.json', whole, copy => {
      rmSync(join(copy, 'metadata.json'))
      symlinkSync('/dev/zero', join(copy, 'metadata.json'))
    }),
    dataset('names with control characters', whole, named('\u001b[31mred\nline 2', '\u202e\u0000x'), 'either'),
    dataset('names of Object.prototype', whole, named('__proto__', 'constructor'), 'either'),
    dataset('names that are paths', whole, named('../../x', '/etc/x'), 'either'),
    dataset('a name of 100,000 characters', whole, named('x'.repeat(1e5), 'y'), 'either'),
    dataset('100,000 names', whole, copy => named(...Object.keys(many(100_000)))(copy)),
    dataset('metadata nested 1,000,000 deep', whole, copy => edit(copy, () => '['.repeat(1e6) + ']'.repeat(1e6))),
    dataset('__proto__ in metadata', whole, copy =>
      edit(copy, all => `${JSON.stringify(all).slice(0, -1)},"__proto__":{"patches":true}}`),
    ),
    dataset('an axis of 2³¹', whole, copy => edit(copy, all => ({ ...all, image_size: [2 ** 31, 16, 16] }))),
    dataset('an axis of 10³⁰⁸', whole, copy => edit(copy, all => ({ ...all, image_size: [1e308, 16, 16] }))),
    ...nnunets,
  ]
}

function validated(hostile: Hostile): Hostile {
  return { ...hostile, make: folder => ['validate', ...hostile.make(folder).slice(1)] }
}

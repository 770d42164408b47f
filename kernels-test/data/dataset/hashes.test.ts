import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { type Dataset, openDataset } from '../../../src/data/dataset/dataset.ts'
import type { Hashes, SplitHashes } from '../../../src/data/dataset/hashes.ts'
import { Hdf5File } from '../../../src/data/hdf5/file.ts'
import { Decoders } from '../../../src/data/loader/decoders.ts'
import { Loader } from '../../../src/data/loader/loader.ts'
import { GENERATE_DEFAULTS, generateDataset } from '../../../src/data/synthetic/generate.ts'
import { validateDataset } from '../../../src/data/validate/validate.ts'
import { fingerprintOf } from '../../../src/train/data_fingerprint.ts'
import { checkSameData } from '../../../src/train/resume.ts'
import { InputError } from '../../../src/util/error.ts'
import { corruptChunk, loseChunk } from '../corrupt.ts'
import { temporaryDirectory, writeMetadata, writeSplit } from '../small_dataset.ts'

const root = temporaryDirectory()
const opened: Decoders[] = []
afterEach(async () => {
  for (const decoders of opened.splice(0)) await decoders.close()
})

/** `generate` records what it writes. */
const original = join(root, 'original')
const options = { ...GENERATE_DEFAULTS, imageSize: [16, 16, 16] as [number, number, number], totalSamples: 12 }
await generateDataset({ ...options, outputDir: original }, () => undefined)

function recorded(name: string): string {
  const directory = join(root, name)
  cpSync(original, directory, { recursive: true })
  return directory
}

function loaderOf({ splits }: Dataset, threads: number): Loader {
  const decoders = new Decoders({ threads, cleanupFrequency: 10 })
  opened.push(decoders)
  const split = splits.train!
  const { structures, imageSize } = split
  const how = { order: 'sequential', seed: 1, dropLast: false, batchSize: 1 } as const
  return new Loader({ split, decoders, structures, imageSize, ...how })
}

/** Samples that came through an epoch before it ended, and why it did. */
async function samplesOf(loader: Loader, epoch = 0): Promise<{ seen: number[]; why: string }> {
  const seen: number[] = []
  try {
    for await (const batch of loader.epoch(epoch)) seen.push(batch.samples[0]!)
    return { seen, why: '' }
  } catch (error) {
    expect(error).toBeInstanceOf(InputError)
    return { seen, why: (error as Error).message }
  }
}

test.each([0, 2])(
  'masks that a flipped bit of the chunk index turns to zeros stop the run, with %i threads',
  async n => {
    const directory = recorded(`lost-${n}`)
    await loseChunk(join(directory, 'train.h5'), 'masks', 5, 2)
    const hashes = readFileSync(join(directory, 'hashes.json'))
    rmSync(join(directory, 'hashes.json'))
    expect((await samplesOf(loaderOf(await openDataset(directory), n))).why).toBe('') // nothing else notices
    writeFileSync(join(directory, 'hashes.json'), hashes)
    const { seen, why } = await samplesOf(loaderOf(await openDataset(directory), n))
    expect(seen).toEqual([0, 1])
    expect(why).toMatch(/train\.h5: dataset 'masks' sample 2 is not what hashes\.json recorded; .*validate --hash$/)
  },
)

test.each(['images', 'masks'])('a flipped byte in a chunk of %s is named', async name => {
  const directory = recorded(`flipped-${name}`)
  await corruptChunk(join(directory, 'train.h5'), name, 3)
  const { seen, why } = await samplesOf(loaderOf(await openDataset(directory), 1))
  expect(seen).toEqual([0, 1, 2])
  expect(why).toMatch(new RegExp(`train\\.h5: dataset '${name}' sample 3 cannot be read`))
})

test('a flipped byte that lzf does not notice is named', async () => {
  const directory = join(root, 'lzf')
  mkdirSync(directory)
  cpSync(join(import.meta.dirname, '../hdf5/lzf.h5'), join(directory, 'train.h5'))
  await writeSplit(join(directory, 'val.h5'), { samples: 2, structures: 1, imageSize: [16, 16, 16], presence: () => 1 })
  writeMetadata(directory, { structure_names: ['a'], image_size: [16, 16, 16] })
  expect(await validateDataset({ directory, workers: 0, hash: true })).toMatchObject({ hashes: 'recorded' })
  const path = join(directory, 'train.h5')
  const bytes = readFileSync(path)
  bytes[IN_FIRST_IMAGE]! ^= 1
  writeFileSync(path, bytes)
  const { digests, ...unrecorded } = (await openDataset(directory)).splits.train!
  expect(digests).toHaveLength(2)
  expect((await samplesOf(loaderOf({ splits: { train: unrecorded } } as Dataset, 0))).why).toBe('')
  expect((await samplesOf(loaderOf(await openDataset(directory), 1))).why).toMatch(
    /train\.h5: dataset 'images' sample 0 is not what hashes\.json recorded/,
  )
})

test('damage that lzf notices is named, and keeps no other chunk from being read', async () => {
  const path = join(root, 'damaged_lzf.h5')
  const bytes = readFileSync(join(import.meta.dirname, '../hdf5/lzf.h5'))
  bytes.fill(0xff, IN_FIRST_IMAGE, IN_FIRST_IMAGE + 40)
  writeFileSync(path, bytes)
  const file = await Hdf5File.open(path)
  const images = file.dataset('images')
  for (const _ of [0, 1]) {
    expect(() => file.read(images, 0, 1)).toThrow(/sample 0 cannot be read \(filter returned failure during read\)$/)
    expect(file.read(images, 1, 1).length).toBe(16 ** 3)
  }
  file.close()
})

/** Where lzf.h5 has a byte of its first image's chunk. */
const IN_FIRST_IMAGE = 5126

test('a sample is held against its record once in a process', async () => {
  const directory = recorded('once')
  const dataset = await openDataset(directory)
  const loader = loaderOf(dataset, 0)
  const { samples } = dataset.splits.train!
  expect((await samplesOf(loader)).seen).toHaveLength(samples)
  const other = { images: 'f'.repeat(64), masks: 'f'.repeat(64) }
  for (const [n] of dataset.splits.train!.digests!.entries()) Object.assign(dataset.splits.train!.digests![n]!, other)
  expect((await samplesOf(loader, 1)).seen).toHaveLength(samples)
  expect((await samplesOf(loaderOf(dataset, 0))).why).toMatch(/dataset 'images' sample 0 is not what/)
})

test('what hashes.json says of labels, names and numbers of samples is checked before anything is read', async () => {
  const directory = recorded('labels')
  const path = join(directory, 'hashes.json')
  const text = readFileSync(path, 'utf8')
  const refusal = async (change: (record: Hashes) => void): Promise<string> => {
    const record = JSON.parse(text) as Hashes
    change(record)
    writeFileSync(path, JSON.stringify(record))
    const error = await openDataset(directory).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InputError)
    return (error as Error).message
  }
  const train = ({ splits }: Hashes): SplitHashes => splits.train!
  expect(await refusal(record => train(record).images.reverse().pop() && train(record).masks.pop())).toMatch(
    /train\.h5: has \d+ samples, hashes\.json recorded \d+; if it was changed on purpose: validate --hash$/,
  )
  expect(await refusal(record => Object.assign(train(record), { presence_labels: '0'.repeat(64) }))).toMatch(
    /train\.h5: dataset 'presence_labels' is not what hashes\.json recorded/,
  )
  expect(await refusal(record => record.structure_names.reverse())).toMatch(
    /metadata\.json: structure_names: number 0 is \w+, hashes\.json recorded \w+/,
  )
  expect(await refusal(record => train(record).masks.pop())).toMatch(/hashes\.json: splits\.train: images and masks/)
  expect(await refusal(record => train(record).masks.fill('?'))).toMatch(/hashes\.json: splits\.train\.masks\.0: exp/)
  writeFileSync(path, '{')
  await expect(openDataset(directory)).rejects.toThrow(
    /hashes\.json:1:2: found the end, expected a key in double quotes/,
  )
})

test('a training is not resumed with other volumes, where both are recorded', async () => {
  const directory = recorded('resumed')
  const dataset = await openDataset(directory)
  const data = fingerprintOf(dataset)
  const digests = [...dataset.splits.train!.digests!].reverse()
  const train = { ...dataset.splits.train!, digests }
  const { digests: _, ...unrecorded } = dataset.splits.train!
  const lines: string[] = []
  const resume = (splits: Dataset['splits']) =>
    checkSameData(
      { path: 'last.pth', checkpoint: {} as never, progress: { data } as never },
      { ...dataset, splits },
      line => lines.push(line),
    )
  resume(dataset.splits)
  resume({ ...dataset.splits, train: unrecorded })
  expect(() => resume({ ...dataset.splits, train })).toThrow(
    /was not trained on .*: train_contents is "\w+", was "\w+"$/,
  )
  expect(lines).toEqual([])
  resume({ ...dataset.splits, val: { ...dataset.splits.val!, digests } })
  expect(lines).toEqual([
    expect.stringMatching(/selected on a different validation split: val_contents is "\w+", was "\w+"$/),
  ])
})

const DIGESTS = `
import sys, json, hashlib, h5py
with h5py.File(sys.argv[1], 'r') as f:
    print(json.dumps({name: [hashlib.sha256(row.tobytes()).hexdigest() for row in f[name]] for name in ('images', 'masks')}
        | {'presence_labels': hashlib.sha256(f['presence_labels'][:].astype('int8').tobytes()).hexdigest()}))
`

test('h5py and hashlib come to the same digests', async ctx => {
  if (!process.env.SADAAN_PYTHON) return ctx.skip('SADAAN_PYTHON names no python with h5py')
  const directory = recorded('python')
  const { splits } = JSON.parse(readFileSync(join(directory, 'hashes.json'), 'utf8'))
  const said = execFileSync(process.env.SADAAN_PYTHON, ['-c', DIGESTS, join(directory, 'val.h5')], { env: {} })
  expect(splits.val).toEqual(JSON.parse(said.toString()))
})

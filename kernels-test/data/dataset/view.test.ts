import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDataset } from '../../../src/data/dataset/dataset.ts'
import type { Split } from '../../../src/data/dataset/split.ts'
import { importScans } from '../../../src/data/import/import.ts'
import { IMPORT_DEFAULTS } from '../../../src/data/import/import_options.ts'
import { Decoders } from '../../../src/data/loader/decoders.ts'
import { Loader } from '../../../src/data/loader/loader.ts'
import { writeSubjects } from '../../cross_validation/made_subjects.ts'
import { temporaryDirectory, writeMetadata } from '../small_dataset.ts'

const root = temporaryDirectory()
const shown = join(root, 'shown')
await importScans({
  ...IMPORT_DEFAULTS,
  sources: [
    {
      ...writeSubjects(root, 6),
      structures: [
        { name: 'one', marks: [1] },
        { name: 'two', marks: [2] },
      ],
    },
  ],
  outputDir: shown,
  imageSize: [16, 16, 32],
})
const whole = (await openDataset(shown)).splits.train!

/** A folder with a metadata.json only. */
function view(name: string, subjects: { train: string[]; val: string[] }, structures = ['one', 'two']): string {
  const folder = join(root, name)
  mkdirSync(folder)
  writeMetadata(folder, {
    structure_names: structures,
    image_size: [16, 16, 32],
    view: { of: '../shown', subjects },
  } as never)
  return folder
}

/** The images and masks of all samples, in order. */
async function samplesOf(split: Split): Promise<string[]> {
  const decoders = new Decoders({ threads: 0, cleanupFrequency: 5 })
  const loader = new Loader({
    split,
    decoders,
    structures: 2,
    batchSize: 2,
    order: 'sequential',
    dropLast: false,
    seed: 0,
  })
  const found: string[] = []
  for await (const { images, maskBits, presence, count } of loader.epoch(0))
    for (let i = 0; i < count; i++) {
      const part = (values: Float32Array | Uint32Array): string =>
        values.subarray((i * values.length) / 2, ((i + 1) * values.length) / 2).join()
      found.push([images, maskBits, presence].map(part).join(' '))
    }
  await decoders.close()
  return found
}

test('a view shows the samples of its subjects, wherever they are in the file', async () => {
  const [a, b, c, d] = whole.subjects as [string, string, string, string]
  const { splits, preparation } = await openDataset(view('two', { train: [d, a], val: [c] }))
  expect(splits.train).toMatchObject({ samples: 2, subjects: [a, d], path: whole.path, rows: [0, 3] })
  expect(splits.val).toMatchObject({ samples: 1, subjects: [c] })
  expect(splits.test).toBeUndefined()
  expect(preparation).toBeUndefined() // its metadata.json says nothing of it
  const all = await samplesOf(whole)
  expect(await samplesOf(splits.train!)).toStrictEqual([all[0], all[3]])
  expect(await samplesOf(splits.val!)).toStrictEqual([all[2]])
  expect(splits.train!.digests).toStrictEqual([whole.digests![0], whole.digests![3]])
  await expect(openDataset(view('both', { train: [a, b], val: [b] }))).rejects.toThrow(/in both splits/)
  await expect(openDataset(view('none', { train: [a], val: ['nobody'] }))).rejects.toThrow(/has no subject nobody/)
  await expect(openDataset(view('other', { train: [a], val: [b] }, ['one', 'three']))).rejects.toThrow(
    /structure_names are not those of/,
  )
})

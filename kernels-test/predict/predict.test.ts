import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { writeCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { defaultConfig } from '../../src/config/schema.ts'
import { Hdf5File, type NumericArray } from '../../src/data/hdf5/file.ts'
import { Hdf5Writer } from '../../src/data/hdf5/writer.ts'
import { readNifti } from '../../src/data/scan/nifti/read.ts'
import { resampleImage } from '../../src/data/scan/resample.ts'
import { type Prediction, predict } from '../../src/predict/predict.ts'
import { RAW_NAMES } from '../../src/predict/subject_prediction.ts'
import { openTrainedModel } from '../../src/run/open_model.ts'
import { InputError } from '../../src/util/error.ts'
import { RESULTS_LIST } from '../../src/util/files/result_folder.ts'
import { sizeOf } from '../../src/util/shape.ts'
import { writeSafetensors } from '../checkpoint/safetensors_file.ts'
import { niftiBytes, RAS } from '../data/scan/nifti_bytes.ts'
import { temporaryDirectory, writeDataset, writeSplit } from '../data/small_dataset.ts'
import { type Golden, goldenPaths, NO_GOLDENS, openGolden } from '../golden/golden_file.ts'
import { relativeError } from '../numbers.ts'
import { onOneDevice } from '../one_device.ts'
import { checkpointOf, finalWeights } from './golden_model.ts'

const folder = temporaryDirectory()
// all of them before the first write: their reader and ours share one HDF5 library
const opened = await openAll()
const goldens = new Map(opened.map(golden => [golden.name, golden]))
for (const golden of opened) {
  writeCheckpoint(weightsOf(golden.name), checkpointOf(finalWeights(golden), namesOf(golden)))
  await writeImages(imagesOf(golden.name), golden)
}
const small = goldens.get('small')!

async function openAll(): Promise<Golden[]> {
  const all: Golden[] = []
  for (const path of goldenPaths) all.push(await openGolden(path))
  return all
}

function weightsOf(name: string): string {
  return join(folder, `${name}.pth`)
}

function imagesOf(name: string): string {
  return join(folder, `${name}.h5`)
}

function namesOf({ shape }: Golden): string[] {
  return Array.from({ length: shape.structures }, (_, s) => `organ ${s}`)
}

async function writeImages(path: string, { shape, batch, numbers }: Golden): Promise<void> {
  const rowShape = [shape.inChannels, ...shape.size]
  const writer = await Hdf5Writer.create(path, [{ name: 'images', kind: 'float32', rowShape }])
  const values = Float32Array.from(numbers('step0/x'))
  for (let n = 0; n < batch; n++)
    writer.append('images', values.subarray(n * sizeOf(rowShape), (n + 1) * sizeOf(rowShape)))
  await writer.finish()
}

let runs = 0

async function run(more: {
  weights: string
  input: string
  raw?: boolean
  batchSize?: number
  threshold?: number
}): Promise<{ output: string; prediction: Prediction; lines: string[] }> {
  const config = defaultConfig()
  config.compute.adapter = process.env.SADAAN_ADAPTER ?? null
  config.training.batch_size = more.batchSize ?? 2
  config.model.presence_threshold = more.threshold ?? 0.5
  const output = join(folder, `out${runs++}`)
  const lines: string[] = []
  const say = (line: string) => lines.push(line)
  const request = { config, output, split: 'test' as const, raw: false, say, progress: () => undefined, ...more }
  return { output, prediction: await onOneDevice(() => predict(request)), lines }
}

async function read(path: string, name: string): Promise<{ shape: number[]; kind: string; values: NumericArray }> {
  const file = await Hdf5File.open(path)
  try {
    const dataset = file.dataset(name)
    return { ...dataset, values: file.read(dataset, 0, dataset.shape[0]!) }
  } finally {
    file.close()
  }
}

describe('raw outputs', () => {
  test.each([...goldens.values()].map(golden => [golden.name, golden] as const))(
    'are those of golden %s',
    async (name, golden) => {
      const { output } = await run({ weights: weightsOf(name), input: imagesOf(name), raw: true })
      const path = join(output, 'raw.h5')
      const compared = RAW_NAMES.filter(each => golden.has(`eval/${each}`))
      expect(compared).toContain('segmentation_logits')
      for (const each of compared) {
        const found = await read(path, each)
        expect(found.kind).toBe('float32')
        expect(found.shape.slice(0, 2), each).toStrictEqual([golden.batch, golden.shape.structures])
        expect(relativeError(found.values, golden.numbers(`eval/${each}`)), each).toBeLessThanOrEqual(1e-4)
      }
      const priors = await read(path, 'position_priors')
      expect(priors.shape).toStrictEqual([golden.shape.structures, ...golden.shape.size])
      expect([...priors.values]).toStrictEqual([
        ...Float32Array.from(golden.numbers('final/attention_module.position_embeddings')),
      ])
    },
  )

  test('of a checkpoint that torch wrote', async ctx => {
    const golden = goldens.get('narrow')
    if (!golden) return ctx.skip(NO_GOLDENS)
    const original = golden.path.replace(/h5$/, 'pth')
    const { output } = await run({ weights: original, input: imagesOf('narrow'), raw: true })
    const { values } = await read(join(output, 'raw.h5'), 'segmentation_probs')
    expect(relativeError(values, golden.numbers('eval/segmentation_probs'))).toBeLessThanOrEqual(1e-4)
    expect(openTrainedModel(original).structureNames).toStrictEqual(['structure_0', 'structure_1', 'structure_2'])
  })

  test('do not depend on the batch size or the format of the weights', async () => {
    const safetensors = join(folder, 'small.safetensors')
    writeSafetensors(safetensors, { tensors: finalWeights(small), metadata: {} })
    const one = await run({ weights: weightsOf('small'), input: imagesOf('small'), raw: true, batchSize: 1 })
    const many = await run({ weights: safetensors, input: imagesOf('small'), raw: true, batchSize: 4 })
    for (const name of RAW_NAMES) {
      const [a, b] = [await read(join(one.output, 'raw.h5'), name), await read(join(many.output, 'raw.h5'), name)]
      expect(a.shape).toStrictEqual(b.shape)
      expect(relativeError(a.values, b.values), name).toBeLessThanOrEqual(1e-5)
    }
  })
})

describe('masks and presence', () => {
  test('are thresholded and gated, and the tables say so', async () => {
    const { presence } = await probabilities()
    // between the lowest and the highest, so that the gate closes for some pairs
    const threshold = (Math.min(...presence) + Math.max(...presence)) / 2
    const { output, prediction } = await run({ weights: weightsOf('small'), input: imagesOf('small'), threshold })
    expect(readdirSync(output).sort()).toStrictEqual([RESULTS_LIST, 'masks.h5', 'presence.csv', 'presence.json'])
    const masks = await read(join(output, 'masks.h5'), 'masks')
    expect(masks.kind).toBe('bool')
    expect(masks.shape).toStrictEqual([small.batch, small.shape.structures, ...small.shape.size])
    const { segmentation } = await probabilities()
    const voxels = sizeOf(small.shape.size)
    const expected = Array.from(segmentation, (p, i) =>
      Number(p > 0.5 && presence[Math.floor(i / voxels)]! > threshold),
    )
    expect([...masks.values]).toStrictEqual(expected)

    const lines = readFileSync(join(output, 'presence.csv'), 'utf8').trimEnd().split('\n')
    expect(lines[0]).toBe(
      'sample,structure,presence_probability,present,mask_voxels,volume_ml,presence_threshold,scan,warnings',
    )
    const count = (pair: number) =>
      expected.slice(pair * voxels, (pair + 1) * voxels).reduce((sum, value) => sum + value, 0)
    const structures = small.shape.structures
    expect(lines.slice(1)).toStrictEqual(
      Array.from(presence, (q, pair) =>
        [
          Math.floor(pair / structures),
          `organ ${pair % structures}`,
          ...[q, Number(q > threshold), count(pair), '', threshold, '', ''],
        ].join(),
      ),
    )
    const table = JSON.parse(readFileSync(join(output, 'presence.json'), 'utf8'))
    expect(table.samples).toHaveLength(small.batch)
    expect(table.samples[1].structures['organ 1']).toStrictEqual({
      presence_probability: presence[structures + 1],
      present: presence[structures + 1]! > threshold,
      mask_voxels: count(structures + 1),
      volume_ml: null,
    })
    expect(prediction.found).toStrictEqual(table.samples)
    expect(Object.values(prediction.present).reduce((sum, each) => sum + each, 0)).toBe(
      presence.filter(q => q > threshold).length,
    )
  })

  test('lie on the grid of an input of another size', async () => {
    const directory = join(folder, 'other size')
    mkdirSync(directory)
    const split = { samples: 3, structures: 2, imageSize: [16, 32, 16] as [number, number, number] }
    await writeDataset(directory, split)
    await writeSplit(join(directory, 'test.h5'), split)
    const { output, lines } = await run({ weights: weightsOf('small'), input: directory, raw: true, threshold: 0 })
    expect(lines.join()).toContain("resampled from 16×32×16 to the model's 16×16×32")
    const [masks, probs] = [
      await read(join(output, 'masks.h5'), 'masks'),
      await read(join(output, 'raw.h5'), 'segmentation_probs'),
    ]
    expect(masks.shape).toStrictEqual([3, 2, 16, 32, 16])
    expect(probs.shape).toStrictEqual([3, 2, 16, 16, 32])
    const expected = new Float32Array(sizeOf(split.imageSize))
    for (let pair = 0; pair < 6; pair++) {
      const part = <T extends NumericArray>(values: T) => values.subarray(pair * 8192, (pair + 1) * 8192)
      resampleImage(part(probs.values), [16, 16, 32], [16, 32, 16], expected)
      expect([...part(masks.values)]).toStrictEqual(Array.from(expected, p => Number(p > 0.5)))
    }
    // the file itself predicts the same
    const again = await run({ weights: weightsOf('small'), input: join(directory, 'test.h5'), threshold: 0 })
    expect((await read(join(again.output, 'masks.h5'), 'masks')).values).toStrictEqual(masks.values)
  })

  async function probabilities() {
    const { output } = await run({ weights: weightsOf('small'), input: imagesOf('small'), raw: true })
    const path = join(output, 'raw.h5')
    return {
      presence: [...(await read(path, 'presence_probs')).values],
      segmentation: (await read(path, 'segmentation_probs')).values,
    }
  }
})

describe('a NIfTI scan', () => {
  const [width, height, depth] = [16, 48, 32] // right, front, up
  const value = (x: number, y: number, z: number): number => (x * 11 + y * 5 + z * 7 + ((x * y + z * z) % 13) * 9) % 256

  /** Masks of structure s, read at world position (x, y, z). */
  async function masksOf(path: string, at: (x: number, y: number, z: number) => [number, number, number]) {
    const { output, prediction } = await run({ weights: weightsOf('small'), input: path, threshold: 0, raw: true })
    expect(readdirSync(join(output, 'masks')).sort()).toStrictEqual(['organ_0.nii.gz', 'organ_1.nii.gz'])
    expect(prediction.samples).toBe(1)
    const scan = readNifti(path)
    const volumes = ['organ_0', 'organ_1'].map(name => readNifti(join(output, 'masks', `${name}.nii.gz`)))
    for (const { size, affine } of volumes)
      expect({ size, affine }).toStrictEqual({ size: scan.size, affine: scan.affine })
    const found: number[] = []
    for (const { values, size } of volumes)
      for (let x = 0; x < width; x++)
        for (let y = 0; y < height; y++)
          for (let z = 0; z < depth; z++) {
            const [i, j, k] = at(x, y, z)
            found.push(values[(i * size[1] + j) * size[2] + k]!)
          }
    return { found, probabilities: (await read(join(output, 'raw.h5'), 'segmentation_probs')).values }
  }

  test('gets masks on its own grid, however its axes are stored', async () => {
    const plain = join(folder, 'plain.nii')
    const values = (of: (i: number, j: number, k: number) => number, [w, h, d]: [number, number, number]): Uint8Array =>
      Uint8Array.from({ length: w * h * d }, (_, v) => of(v % w, Math.floor(v / w) % h, Math.floor(v / (w * h))))
    writeFileSync(
      plain,
      niftiBytes({ dims: [width, height, depth], type: 2, values: values(value, [width, height, depth]), sform: RAS }),
    )
    // stored axes run down, to the left, to the front
    const turned = join(folder, 'turned.nii')
    const sform = [
      [0, -1, 0, width - 1],
      [0, 0, 1, 0],
      [-1, 0, 0, depth - 1],
    ]
    const turnedValues = values((i, j, k) => value(width - 1 - j, k, depth - 1 - i), [depth, width, height])
    writeFileSync(turned, niftiBytes({ dims: [depth, width, height], type: 2, values: turnedValues, sform }))
    const a = await masksOf(plain, (x, y, z) => [x, y, z])
    const b = await masksOf(turned, (x, y, z) => [depth - 1 - z, width - 1 - x, y])
    expect(b.found).toStrictEqual(a.found)
    const expected = [0, 1].flatMap(s => {
      const resampled = new Float32Array(width * height * depth)
      resampleImage(a.probabilities.subarray(s * 8192, (s + 1) * 8192), [16, 16, 32], [width, height, depth], resampled)
      return Array.from(resampled, p => Number(p > 0.5))
    })
    expect(a.found).toStrictEqual(expected)
    expect(new Set(a.found)).toStrictEqual(new Set([0, 1]))
  })
})

describe('wrong input is one line and leaves nothing', () => {
  const refused = async (weights: string, input: string, message: RegExp): Promise<void> => {
    const output = join(folder, `out${runs}`)
    const failure = await run({ weights, input, raw: true }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(InputError)
    expect((failure as Error).message).toMatch(message)
    expect((failure as Error).message).not.toContain('\n')
    expect(existsSync(output)).toBe(false)
  }

  test('weights', async () => {
    const input = imagesOf('small')
    await refused(join(folder, 'none.pth'), input, /none\.pth: no such file, expected a model/)
    await refused(input, input, /small\.h5/)
    const weights = finalWeights(small)
    const write = (name: string, change: (tensors: typeof weights) => void): string => {
      const tensors = new Map(weights)
      change(tensors)
      writeSafetensors(join(folder, name), { tensors, metadata: {} })
      return join(folder, name)
    }
    const priors = 'attention_module.position_embeddings'
    await refused(
      write('a', tensors => tensors.delete(priors)),
      input,
      /position_embeddings is missing, expected 4 axes/,
    )
    await refused(
      write('b', tensors => tensors.set(priors, { dtype: 'f32', shape: [2, 8, 16, 16], data: new Float32Array(4096) })),
      input,
      /position_embeddings are 2 of 8×16×16, expected axes divisible by 16/,
    )
    await refused(
      write('c', tensors => tensors.delete('encoder.dec2.1.bias')),
      input,
      /no encoder\.dec2\.1\.bias, expected a SADAAN of 2 structures, 16×16×32 voxels/,
    )
    const misnamed = join(folder, 'misnamed.pth')
    writeCheckpoint(misnamed, checkpointOf(weights, ['one']))
    await refused(misnamed, input, /structure_names has 1 names, expected 2/)
  })

  test('images', async () => {
    const weights = weightsOf('small')
    await refused(weights, join(folder, 'none.h5'), /none\.h5: no such file/)
    await refused(weights, join(folder, 'scan.nii.gz'), /scan\.nii\.gz: no such file, expected a NIfTI file/)
    const constant = join(folder, 'constant.nii')
    writeFileSync(
      constant,
      niftiBytes({ dims: [16, 16, 16], type: 2, values: new Uint8Array(4096).fill(9), sform: RAS }),
    )
    await refused(weights, constant, /constant\.nii: every voxel is 9/)
    const wide = join(folder, 'wide.h5')
    await writeSplit(wide, { samples: 1, structures: 2, imageSize: [16, 16, 16], channels: 3 })
    await refused(weights, wide, /wide\.h5: images have 3 channels, .*small\.pth expects 1/)
    const damaged = join(folder, 'damaged.h5')
    copyFileSync(imagesOf('small'), damaged)
    const bytes = readFileSync(damaged)
    writeFileSync(damaged, bytes.fill(0xa5, bytes.length - 2000, bytes.length - 1000))
    const { prediction: others } = await run({ weights, input: damaged, raw: true })
    expect(others.samples).toBeGreaterThan(0)
    expect(others.failed[0]!.reason).toMatch(/damaged\.h5: dataset 'images' sample \d+ /)
    const endless = join(folder, 'endless.h5')
    const writer = await Hdf5Writer.create(endless, [{ name: 'images', kind: 'float32', rowShape: [16, 16, 32] }])
    for (let n = 0; n < 5; n++)
      writer.append('images', new Float32Array(8192).fill(n < 4 ? n + 1 : Number.POSITIVE_INFINITY))
    await writer.finish()
    const { prediction } = await run({ weights, input: endless, raw: true })
    expect([prediction.samples, prediction.failed]).toStrictEqual([
      4,
      [
        {
          sample: 4,
          scan: '',
          reason: `${endless}: dataset 'images' sample 4 has a voxel that is not a finite float32`,
        },
      ],
    ])
    const split = { samples: 1, structures: 2, imageSize: [16, 16, 16] as [number, number, number] }
    const untested = join(folder, 'untested')
    mkdirSync(untested)
    await writeDataset(untested, split)
    await refused(
      weights,
      untested,
      /test\.h5: no such file, the dataset has train and val; choose one, e\.g\. --split val$/,
    )
  })
})

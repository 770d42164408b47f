// full: compares with onnxruntime
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { NO_FACTS } from '../../src/checkpoint/model_facts.ts'
import { encodeModelPth } from '../../src/checkpoint/weights.ts'
import { defaultConfig } from '../../src/config/schema.ts'
import { Hdf5File, type NumericArray } from '../../src/data/hdf5/file.ts'
import { Hdf5Writer } from '../../src/data/hdf5/writer.ts'
import { exportModel } from '../../src/export/export.ts'
import { OUTPUT_NAMES } from '../../src/export/sadaan_onnx.ts'
import type { SadaanShape } from '../../src/nn/specification.ts'
import { predict } from '../../src/predict/predict.ts'
import { RAW_NAMES } from '../../src/predict/subject_prediction.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { randomOf, relativeError } from '../numbers.ts'
import { randomModel } from './random_model.ts'

const python = process.env.SADAAN_READERS
const script = fileURLToPath(new URL('./run_onnx.py', import.meta.url))
const folder = temporaryDirectory()

interface Example {
  shape: SadaanShape
  batch: number
}

const EXAMPLES: Readonly<Record<string, Example>> = {
  'odd widths, several channels, 13 structures': {
    shape: { structures: 13, size: [16, 48, 32], inChannels: 3, channels: [3, 5, 7, 9, 11] },
    batch: 3,
  },
  'one structure, one sample': {
    shape: { structures: 1, size: [32, 16, 16], inChannels: 1, channels: [2, 4, 4, 6, 8] },
    batch: 1,
  },
}

interface Found {
  /** name, type, axes */
  input: unknown[]
  /** type, axes */
  outputs: Record<string, [string, number[]]>
  inferred: Record<string, unknown[]>
  metadata: Record<string, string>
}

/** What onnxruntime made of a file, and what `predict --raw` says of the same images. */
interface Compared extends Example {
  found: Found
  results: string
  output: string
  /** a threshold that some pairs pass and some do not */
  threshold: number
}

const compared = new Map<string, Compared>()

beforeEach(context => {
  if (!python) context.skip('SADAAN_READERS names no python with onnxruntime')
})

beforeAll(async () => {
  if (!python) return
  const requests: object[] = []
  for (const [name, example] of Object.entries(EXAMPLES)) {
    const { request, ...rest } = await prepare(name, example)
    requests.push(request)
    compared.set(name, { ...example, ...rest, found: {} as Found })
  }
  const { status, stdout, stderr } = spawnSync(python, [script], {
    input: requests.map(request => JSON.stringify(request)).join('\n'),
    encoding: 'utf8',
  })
  expect(status, stderr).toBe(0)
  for (const [i, line] of stdout.trim().split('\n').entries()) [...compared.values()][i]!.found = JSON.parse(line)
})

/** Weights, images, our outputs and the ONNX file of an example. */
async function prepare(name: string, { shape, batch }: Example) {
  const at = (part: string): string => join(folder, `${shape.structures} ${part}`)
  const weights = at('model.pth')
  const structureNames = Array.from({ length: shape.structures }, (_, s) => `organ, "${s}"`)
  const facts = { ...NO_FACTS, structureNames }
  writeFileSync(weights, Buffer.concat(encodeModelPth({ tensors: randomModel(shape, name), ...facts })))
  const random = randomOf(`images of ${name}`)
  const axes = [shape.inChannels, ...shape.size]
  const count = batch * axes.reduce((product, axis) => product * axis, 1)
  const images = Float32Array.from({ length: count }, () => random.uniform(0, 255))
  writeFileSync(at('image.bin'), images)
  const writer = await Hdf5Writer.create(at('images.h5'), [{ name: 'images', kind: 'float32', rowShape: axes }])
  for (let n = 0; n < batch; n++)
    writer.append('images', images.subarray((n * count) / batch, ((n + 1) * count) / batch))
  await writer.finish()
  const output = at('predicted')
  const ask = (presenceThreshold: number) => predictionRequest(weights, at('images.h5'), output, presenceThreshold)
  await predict(ask(0.5))
  const presence = [...(await read(join(output, 'raw.h5'), 'presence_probs'))].sort((a, b) => a - b)
  const threshold = presence[Math.floor(presence.length / 2)]! - 1e-3
  await predict({ ...ask(threshold), raw: true })
  const model = at('model.onnx')
  exportModel({ weights, format: 'onnx', output: model, presenceThreshold: threshold })
  const results = at('results')
  mkdirSync(results)
  return { request: { model, image: at('image.bin'), shape: [batch, ...axes], results }, results, output, threshold }
}

function predictionRequest(weights: string, input: string, output: string, presenceThreshold: number) {
  const config = defaultConfig()
  config.compute.adapter = process.env.SADAAN_ADAPTER ?? null
  const quiet = { say: () => undefined, progress: () => undefined }
  return { config, presenceThreshold, weights, input, split: 'test' as const, output, raw: true, ...quiet }
}

async function read(path: string, name: string): Promise<NumericArray> {
  const file = await Hdf5File.open(path)
  try {
    const dataset = file.dataset(name)
    return file.read(dataset, 0, dataset.shape[0]!)
  } finally {
    file.close()
  }
}

describe.each(Object.keys(EXAMPLES))('onnxruntime on %s', name => {
  const example = (): Compared => compared.get(name)!
  const floats = (output: string): Float32Array => {
    const bytes = readFileSync(join(example().results, `${output}.bin`))
    return new Float32Array(new Uint8Array(bytes).buffer)
  }

  test('gives every output as predict --raw does', async () => {
    for (const output of [...RAW_NAMES, 'position_priors']) {
      const ours = (await read(join(example().output, 'raw.h5'), output)) as Float32Array
      const spread = ours.reduce((most, x) => Math.max(most, x)) - ours.reduce((least, x) => Math.min(least, x))
      // a constant would agree with anything that is near it
      if (ours.length > 1) expect(spread, output).toBeGreaterThan(1e-2)
      expect(relativeError(floats(output), ours, 1), output).toBeLessThanOrEqual(1e-4)
    }
  })

  test('gates masks by presence at the threshold in the file', async () => {
    const { results, output, threshold } = example()
    const bytes = (part: string): Buffer => readFileSync(join(results, `${part}.bin`))
    const presence = Array.from(floats('presence_probs'), q => Number(q > threshold))
    expect(new Set(presence).size).toBe(Math.min(2, presence.length))
    expect([...bytes('presence')]).toStrictEqual(presence)
    const masks = bytes('masks')
    const voxels = masks.length / presence.length
    const inside = floats('segmentation_probs').map((p, i) => Number(p > 0.5) * presence[Math.floor(i / voxels)]!)
    expect(masks.equals(Buffer.from(inside))).toBe(true)
    expect(inside).toContain(1)
    // the same as predict's but for voxels on the edge of 0.5
    const ours = await read(join(output, 'masks.h5'), 'masks')
    expect(masks.filter((mask, i) => mask !== ours[i]).length).toBeLessThanOrEqual(masks.length * 1e-3)
  })

  test('finds input and outputs as the file says, and onnx works out the same', () => {
    const { found, shape, batch } = example()
    expect(found.input).toStrictEqual(['image', 'tensor(float)', ['N', shape.inChannels, ...shape.size]])
    expect(Object.keys(found.outputs)).toStrictEqual(OUTPUT_NAMES)
    expect(Object.keys(found.inferred)).toStrictEqual(OUTPUT_NAMES)
    for (const [output, [dtype, axes]] of Object.entries(found.outputs)) {
      expect(dtype, output).toBe(output === 'masks' || output === 'presence' ? 'bool' : 'float32')
      const symbolic = output === 'position_priors' ? axes : ['N', ...axes.slice(1)]
      expect(found.inferred[output], output).toStrictEqual(symbolic)
      if (output !== 'position_priors') expect(axes[0], output).toBe(batch)
    }
    expect(JSON.parse(found.metadata.structure_names!)[0]).toBe('organ, "0"')
    expect(JSON.parse(found.metadata.image_size!)).toStrictEqual([...shape.size])
  })
})

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { encodeModelPth, readModelFile } from '../../src/checkpoint/weights.ts'
import { type ExportFormat, type ExportRequest, exportModel } from '../../src/export/export.ts'
import { openTrainedModel } from '../../src/run/open_model.ts'
import { InputError } from '../../src/util/error.ts'
import { fromFloat16, toFloat16 } from '../../src/util/float16.ts'
import { readSafetensors, writeSafetensors } from '../checkpoint/safetensors_file.ts'
import { run } from '../cli/command.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { card } from '../models/card.ts'
import { randomModel } from './random_model.ts'

const folder = temporaryDirectory()
const shape = { structures: 2, size: [16, 16, 32], inChannels: 1, channels: [2, 3, 4, 5, 6] } as const
const tensors = randomModel(shape, 'formats')
const facts = {
  structureNames: ['liver', 'Niere, größer'],
  channelNames: ['CT'],
  presenceThreshold: 0.35,
  preparation: {
    orientation: 'RAS',
    frame: { kind: 'spacing', spacing_mm: [1.5, 1.5, 2.25] },
    image_size: [16, 16, 32],
    intensity: [{ kind: 'zscore', deviations: 4 }],
  },
  trainingScans: {
    scans: 3,
    orientations: ['LPS', 'RAS'],
    tilt_degrees: [0, 2.5],
    voxel_size_mm: [
      [1, 1.5],
      [1, 1.5],
      [2, 5],
    ],
    field_of_view_mm: [
      [300, 400],
      [300, 400],
      [150, 320],
    ],
    intensities: [{ low: [-1024, -1000], high: [350, 480], zero: [0.68, 0.74] }],
  },
  patches: true,
  flipAxes: [0, 2],
  card,
}
const original = join(folder, 'model.pth')
writeFileSync(original, Buffer.concat(encodeModelPth({ tensors, ...facts })))

function exported(weights: string, format: ExportFormat, name: string, more: Partial<ExportRequest> = {}): string {
  const output = join(folder, name)
  exportModel({ weights, format, output, ...more })
  return output
}

const safe = exported(original, 'safetensors', 'model.safetensors')

test('the content says what a checkpoint is, whatever its name; .pt is another name for .pth', async () => {
  for (const [from, name] of [
    [original, 'model.pt'],
    [original, 'model.ckpt'],
    [safe, 'model.bin'],
  ] as const) {
    copyFileSync(from, join(folder, name))
    expect(readModelFile(join(folder, name))).toStrictEqual(readModelFile(from))
    const { code, stdout, stderr } = await run(['inspect', name], folder)
    expect(code, stderr).toBe(0)
    expect(stdout).toContain('liver')
  }
  const { code, stderr } = await run(['export', '--weights', 'model.bin', '--output', 'exported.PT'], folder)
  expect(code, stderr).toBe(0)
  expect(readFileSync(join(folder, 'exported.PT')).equals(readFileSync(original))).toBe(true)
})

/** As read_formats.py describes tensors. */
function digests(): Record<string, unknown> {
  const types = { f32: 'float32', i64: 'int64' } as Record<string, string>
  return Object.fromEntries(
    [...tensors].map(([name, { dtype, shape: axes, data }]) => {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      return [name, [types[dtype], [...axes], createHash('sha256').update(bytes).digest('hex')]]
    }),
  )
}

function ask(python: string, format: string, path: string) {
  const script = fileURLToPath(new URL('./read_formats.py', import.meta.url))
  const { status, stdout, stderr } = spawnSync(python, [script, format, path], { encoding: 'utf8' })
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout)
}

describe('a model goes through every format', () => {
  test('and is the same', () => {
    const expected = openTrainedModel(original)
    expect(expected).toMatchObject({ ...facts, shape })
    const again = openTrainedModel(safe)
    expect({ ...again, path: original, weights: new Map([...again.weights].sort()) }).toStrictEqual({
      ...expected,
      weights: new Map([...expected.weights].sort()),
    })
    const back = exported(safe, 'pth', 'back.pth')
    expect(readFileSync(back).equals(readFileSync(original))).toBe(true)
    const forth = exported(back, 'safetensors', 'forth.safetensors')
    expect(readFileSync(forth).equals(readFileSync(safe))).toBe(true)
    expect(readdirSync(folder).filter(name => name.startsWith('.'))).toStrictEqual([])
  })

  test('with nothing known of it, and with another threshold', () => {
    const bare = join(folder, 'bare.safetensors')
    writeSafetensors(bare, { tensors, metadata: {} })
    const { metadata } = readSafetensors(exported(bare, 'safetensors', 'bare again.safetensors'))
    expect(metadata).toStrictEqual({ format: 'pt', patches: 'false' })
    const pth = readModelFile(exported(bare, 'pth', 'bare.pth'))
    expect(pth).toMatchObject({
      structureNames: undefined,
      presenceThreshold: undefined,
      patches: false,
      flipAxes: undefined,
    })
    expect(readModelFile(exported(bare, 'pth', 'set.pth', { presenceThreshold: 0.2 })).presenceThreshold).toBe(0.2)
  })

  test('and the Python package safetensors reads it', ctx => {
    const python = process.env.SADAAN_READERS
    if (!python) return ctx.skip('SADAAN_READERS names no python with safetensors')
    const { metadata, tensors: found } = ask(python, 'safetensors', safe)
    expect(found).toStrictEqual(digests())
    expect(metadata).toStrictEqual({
      format: 'pt',
      structure_names: '["liver","Niere, größer"]',
      presence_threshold: '0.35',
      preparation: JSON.stringify(facts.preparation),
      patches: 'true',
      flip_axes: '[0,2]',
      card: JSON.stringify(card),
      channel_names: '["CT"]',
      training_scans:
        '{"scans":3,"orientations":["LPS","RAS"],"tilt_degrees":[0,2.5],"voxel_size_mm":[[1,1.5],[1,1.5],[2,5]],"field_of_view_mm":[[300,400],[300,400],[150,320]],"intensities":[{"low":[-1024,-1000],"high":[350,480],"zero":[0.68,0.74]}]}',
    })
  })

  test('and torch.load(weights_only=True) opens it, load_state_dict takes it', ctx => {
    const python = process.env.SADAAN_PYTHON
    if (!python) return ctx.skip('SADAAN_PYTHON names no python with torch')
    const { type, others, tensors: found } = ask(python, 'torch', original)
    expect(type).toBe('OrderedDict')
    expect(found).toStrictEqual(digests())
    expect(Object.keys(found)).toStrictEqual([...tensors.keys()])
    expect(others.structure_names).toStrictEqual(facts.structureNames)
    expect(JSON.parse(others.sadaan_gpu.model.preparation)).toStrictEqual(facts.preparation)
  })
})

describe('half precision', () => {
  const half = exported(original, 'safetensors', 'half.safetensors', { precision: 'f16' })
  const rounded = (values: ArrayLike<number>): Float32Array => fromFloat16(toFloat16(values)).subarray(0, values.length)

  test('rounds what has two axes or more to the nearest, and nothing else', () => {
    const { tensors: found, ...others } = readModelFile(half)
    const { tensors: _, ...expected } = readModelFile(original)
    expect(others).toStrictEqual(expected)
    for (const [name, { dtype, shape: axes, data }] of tensors) {
      const values = axes.length > 1 ? rounded(data as Float32Array) : data
      expect(found.get(name), name).toStrictEqual({ dtype, shape: axes, data: values })
    }
    const [small, large] = [half, safe].map(path => readFileSync(path).length)
    const saved = [...tensors.values()].filter(({ shape: axes }) => axes.length > 1)
    // the types in the header are as long
    expect(large! - small!).toBeGreaterThan(saved.reduce((sum, { data }) => sum + 2 * data.length, 0) - 64)
    expect(
      readFileSync(exported(half, 'safetensors', 'twice.safetensors', { precision: 'f16' })).equals(readFileSync(half)),
    ).toBe(true)
  })

  test('and the Python package safetensors reads it', ctx => {
    const python = process.env.SADAAN_READERS
    if (!python) return ctx.skip('SADAAN_READERS names no python with safetensors')
    const { tensors: found } = ask(python, 'safetensors', half)
    for (const [name, { dtype, shape: axes, data }] of tensors) {
      const stored = axes.length > 1 ? toFloat16(data as Float32Array).subarray(0, data.length) : data
      const bytes = new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength)
      const type = axes.length > 1 ? 'float16' : { f32: 'float32', i64: 'int64' }[dtype as 'f32' | 'i64']
      expect(found[name], name).toStrictEqual([type, [...axes], createHash('sha256').update(bytes).digest('hex')])
    }
  })

  test('is refused for a weight beyond it and for other formats', () => {
    const name = 'encoder.enc2.0.weight'
    const large = new Map(tensors)
    const { shape: axes, data } = large.get(name)!
    large.set(name, { dtype: 'f32', shape: axes, data: Float32Array.from(data as Float32Array).fill(-65520, 3, 4) })
    const path = join(folder, 'large.pth')
    writeFileSync(path, Buffer.concat(encodeModelPth({ tensors: large, ...facts })))
    expect(() => exported(path, 'safetensors', 'never', { precision: 'f16' })).toThrow(
      /large\.pth: encoder\.enc2\.0\.weight has a value of -65520, expected at most 65504 for f16; use --precision f32$/,
    )
    expect(existsSync(join(folder, 'never'))).toBe(false)
    expect(() => exported(path, 'onnx', 'never', { precision: 'f16' })).toThrow(
      /^--precision: onnx files hold f32, expected --format safetensors for f16$/,
    )
  })
})

describe('wrong input is one line and leaves nothing', () => {
  const refused = (request: Partial<ExportRequest>, message: RegExp): void => {
    const output = join(folder, 'refused')
    const attempt = () => exportModel({ weights: safe, format: 'onnx', output, ...request })
    expect(attempt).toThrow(InputError)
    expect(attempt).toThrow(message)
    expect(attempt).toThrow(/^[^\n]+$/)
    expect(existsSync(output)).toBe(false)
  }
  const withMetadata = (metadata: Record<string, string>): string => {
    const path = join(folder, 'odd.safetensors')
    writeSafetensors(path, { tensors, metadata })
    return path
  }

  test.each<[Record<string, string>, RegExp]>([
    [{ structure_names: 'liver' }, /structure_names is "liver", expected a JSON list of strings/],
    [{ structure_names: '["liver"]' }, /structure_names has 1 names, expected 2/],
    [{ presence_threshold: '1.5' }, /presence_threshold is "1\.5", expected a number from 0 to 1/],
    [{ preparation: '[]' }, /preparation is "\[\]", expected a JSON object/],
    [{ preparation: '{}' }, /odd\.safetensors: preparation\.orientation/],
    [{ flip_axes: '[3]' }, /flip_axes is "\[3\]", expected a JSON list of 0, 1 and 2/],
    [{ patches: '1' }, /patches is "1", expected true or false/],
  ])('metadata %j', (metadata, message) => refused({ weights: withMetadata(metadata) }, message))

  test('weights', () => {
    refused({ weights: join(folder, 'none.pth') }, /none\.pth: no such file, expected a model/)
    const part = new Map([...tensors].filter(([name]) => name !== 'encoder.up2.bias'))
    const torn = join(folder, 'part.safetensors')
    writeSafetensors(torn, { tensors: part, metadata: {} })
    for (const format of ['onnx', 'safetensors', 'pth'] as const)
      refused({ weights: torn, format }, /no encoder\.up2\.bias, expected a SADAAN of 2 structures/)
  })

  test('outputs', () => {
    refused({ outputs: ['mask'] }, /found "mask", expected one of attention_maps, .*; did you mean "masks"\?/)
    refused({ outputs: ['masks'], format: 'pth' }, /--outputs: a pth file has no outputs/)
  })

  test('a folder that does not exist', () => {
    const output = join(folder, 'no folder', 'model.onnx')
    refused({ output }, /model\.onnx: .*no folder is no folder, expected one to write a file in$/)
    refused({ output: join(safe, 'model.onnx') }, /safetensors is no folder, expected one to write a file in$/)
    refused({ output: folder }, /: is not a regular file, expected a file to write$/)
  })
})

test('the command tells what it wrote, and takes the format from the extension', async () => {
  const cwd = join(folder, 'command')
  mkdirSync(cwd)
  const words = ['export', '--weights', original, '--outputs', 'presence,masks', '--json']
  const [good, bad] = await Promise.all([
    run([...words, '--output', 'model.onnx', 'with', 'model.presence_threshold=0.4'], cwd),
    run([...words, '--output', 'model.bin'], cwd),
  ])
  expect(good.stderr).toBe('')
  expect(JSON.parse(good.stdout)).toStrictEqual({
    format: 'onnx',
    output: 'model.onnx',
    bytes: readFileSync(join(cwd, 'model.onnx')).length,
    structure_names: facts.structureNames,
    presence_threshold: 0.4,
    input: ['N', 1, 16, 16, 32],
    outputs: ['presence', 'masks'],
  })
  expect(bad.code).toBe(2)
  expect(bad.stderr).toMatch(/^sadaan-gpu: model\.bin: which format\? Expected --format or one of \.onnx, [^\n]+\n$/)
  expect(readdirSync(cwd)).toStrictEqual(['model.onnx'])
})

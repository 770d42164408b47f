import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { deflateSync, gunzipSync, gzipSync } from 'node:zlib'
import { readCheckpoint, writeCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { refuseIfHeld } from '../../src/checkpoint/directory_lock.ts'
import { encodeModelSafetensors, readModelFile } from '../../src/checkpoint/weights.ts'
import { loadConfig, toJson } from '../../src/config/load.ts'
import { defaultConfig } from '../../src/config/schema.ts'
import { openDataset } from '../../src/data/dataset/dataset.ts'
import { importScans } from '../../src/data/import/import.ts'
import { readManifest } from '../../src/data/import/manifest.ts'
import { Decoders } from '../../src/data/loader/decoders.ts'
import { Loader } from '../../src/data/loader/loader.ts'
import { readScan } from '../../src/data/scan/read_scan.ts'
import type { Scan } from '../../src/data/scan/scan.ts'
import { GENERATE_DEFAULTS, generateDataset } from '../../src/data/synthetic/generate.ts'
import { readTable } from '../../src/tune/cache.ts'
import type { RandomStream } from '../../src/util/random.ts'
import { sizeOf } from '../../src/util/shape.ts'
import { exampleCheckpoint } from '../checkpoint/example.ts'
import { imageOf, optionsFor, writeVolume } from '../data/import/input.ts'
import { DEPTH, sliceBytes, writeSeries } from '../data/scan/dicom/slices.ts'
import { niftiBytes, RAS } from '../data/scan/nifti_bytes.ts'
import { metaHeader, nrrdHeader, storedBytes } from '../data/scan/text_volumes.ts'
import { mutate, mutateJson, mutateLines } from './mutations.ts'

/** A format that the program reads, and how its files are damaged. */
export interface Format {
  name: string
  inputs: number
  /** a checksum covers all that is decoded: what is accepted must decode as the original does */
  isSealed: boolean
  /** Writes a damaged input into the folder, or the original one if no `random` is given. */
  write(folder: string, random?: RandomStream): void
  /** Decodes it. Throws InputError. */
  read(folder: string): unknown | Promise<unknown>
}

const SIZE = [8, 6, 4] as const
const HEADER = 352 // bytes, of NIfTI
const KILOBYTES = 1024

type Damage = (original: Uint8Array, random: RandomStream) => Uint8Array

/** A format of one file. */
function file(
  name: string,
  [inputs, sealed]: readonly [inputs: number, sealed?: 'sealed'],
  original: Uint8Array,
  read: (path: string) => unknown | Promise<unknown>,
  damage: Damage = (bytes, random) => mutate(bytes, random, KILOBYTES),
): Format {
  return {
    name,
    inputs,
    isSealed: sealed !== undefined,
    write: (folder, random) => writeFileSync(join(folder, name), random ? damage(original, random) : original),
    read: folder => read(join(folder, name)),
  }
}

const asJson: Damage = (original, random) => mutateJson(Buffer.from(original).toString(), random)

/** A scan that is accepted has as many values as its size says, at most as many as the file can hold. */
function scanAt(path: string): Pick<Scan, 'size' | 'affine' | 'channels' | 'values'> {
  const { size, affine, channels, values } = readScan(path)
  if (values.length !== sizeOf(size) * channels) throw new Error(`${values.length} values for ${size} × ${channels}`)
  return { size, affine, channels, values }
}

function fixture(name: string): Uint8Array {
  return readFileSync(fileURLToPath(new URL(`../checkpoint/${name}`, import.meta.url)))
}

function ownCheckpoint(folder: string): Uint8Array {
  const path = join(folder, 'own.pth')
  writeCheckpoint(path, exampleCheckpoint)
  return readFileSync(path)
}

function checkpointFormats(folder: string): Format[] {
  const own = ownCheckpoint(folder)
  const safe = Buffer.concat(
    encodeModelSafetensors(readModelFile(join(folder, 'own.pth')), { precision: 'f16', source: 'own.pth' }),
  )
  return [
    file('own.pth', [225, 'sealed'], own, readCheckpoint, (bytes, random) => mutate(bytes, random, bytes.length)),
    file('torch-2.pth', [100], fixture('torch-2.13.pth'), readModelFile, (bytes, random) =>
      mutate(bytes, random, bytes.length),
    ),
    file('torch-1.pth', [100], fixture('torch-1.13.pth'), readModelFile, (bytes, random) =>
      mutate(bytes, random, bytes.length),
    ),
    file('model.safetensors', [150], safe, readModelFile),
  ]
}

/** With a header extension that holds a table of labels. */
function extended(nifti: Uint8Array): Buffer {
  const text = Buffer.alloc(264) // with its head a multiple of 16
  text.write('<CaretExtension><Label Key="1">liver</Label></CaretExtension>')
  const head = Buffer.alloc(8)
  head.writeInt32LE(8 + text.length, 0)
  head.writeInt32LE(30, 4)
  const bytes = Buffer.concat([nifti.subarray(0, HEADER), head, text, nifti.subarray(HEADER)])
  bytes[348] = 1
  bytes.writeFloatLE(HEADER + head.length + text.length, 108)
  return bytes
}

/** A volume with a text header, which is damaged; `beside` are the voxels of a header that says they are in voxels.raw. */
function textVolume(name: string, header: string, voxels: Uint8Array, beside?: Uint8Array): Format {
  const inHeader: Damage = (bytes, random) => mutateLines(bytes, random, header.length)
  const format = file(name, [100], Buffer.concat([Buffer.from(header), voxels]), scanAt, inHeader)
  return {
    ...format,
    write: (folder, random) => {
      if (beside) writeFileSync(join(folder, 'voxels.raw'), beside)
      format.write(folder, random)
    },
  }
}

/** NRRD and MetaImage: raw, packed, and beside their voxels. */
function textVolumeFormats(): Format[] {
  const values = Float32Array.from({ length: sizeOf(SIZE) * 2 }, (_, v) => v % 97)
  const two = storedBytes(values, 'int16')
  const one = two.subarray(0, two.length / 2)
  const sizes = SIZE.join(' ')
  const vector = {
    dimension: '4',
    sizes: `2 ${sizes}`,
    kinds: 'vector domain domain domain',
    'space directions': 'none (1,0,0) (0,1,0) (0,0,1)',
  }
  const packed = { DimSize: sizes, CompressedData: 'True', CompressedDataSize: String(deflateSync(one).length) }
  const none = Buffer.alloc(0)
  return [
    textVolume('raw.nrrd', `${nrrdHeader(vector)}\n`, two),
    textVolume('packed.nrrd', `${nrrdHeader({ sizes, encoding: 'gzip' })}\n`, gzipSync(one)),
    textVolume('beside.nhdr', nrrdHeader({ sizes, 'data file': 'voxels.raw', 'line skip': '0' }), none, one),
    textVolume('raw.mha', metaHeader({ DimSize: sizes, ElementNumberOfChannels: '2' }), two),
    textVolume('packed.mha', metaHeader(packed), deflateSync(one)),
    textVolume('beside.mhd', metaHeader({ DimSize: sizes, ElementDataFile: 'voxels.raw' }), none, one),
  ]
}

function scanFormats(): Format[] {
  const values = Float32Array.from({ length: sizeOf(SIZE) }, (_, v) => v % 97)
  const nifti = niftiBytes({ dims: SIZE, type: 16, values, sform: RAS })
  const packed = gzipSync(nifti)
  const inHeader: Damage = (bytes, random) => mutate(bytes, random, HEADER)
  return [
    file('raw.nii', [150], nifti, scanAt, inHeader),
    file('extended.nii', [50], extended(nifti), scanAt, (bytes, random) => mutate(bytes, random, 2 * HEADER)),
    file('packed.nii.gz', [150, 'sealed'], packed, scanAt, (bytes, random) => mutate(bytes, random, bytes.length)),
    file('content.nii.gz', [75], packed, scanAt, (bytes, random) => gzipSync(inHeader(gunzipSync(bytes), random))),
    {
      name: 'DICOM series',
      inputs: 200,
      isSealed: false,
      write: (folder, random) => {
        const series = join(folder, 'series')
        rmSync(series, { recursive: true, force: true })
        writeSeries(series)
        if (!random) return
        const slice = random.integer(DEPTH)
        writeFileSync(join(series, `IM${(slice * 3) % DEPTH}`), mutate(sliceBytes(slice), random, KILOBYTES))
      },
      read: folder => scanAt(join(folder, 'series')),
    },
  ]
}

/** Every image, mask and label of a dataset, as training gets them. */
async function decoded(folder: string): Promise<unknown> {
  const dataset = await openDataset(folder)
  const decoders = new Decoders({ threads: 0, cleanupFrequency: 100 })
  const batches: unknown[] = []
  try {
    for (const split of Object.values(dataset.splits)) {
      const structures = dataset.structureNames.length
      const options = {
        split,
        decoders,
        structures,
        batchSize: 1,
        order: 'sequential',
        seed: 1,
        dropLast: false,
      } as const
      for await (const { images, maskBits, presence } of new Loader(options).epoch(0))
        batches.push([images.slice(), maskBits.slice(), presence])
    }
  } finally {
    await decoders.close()
  }
  return batches
}

async function datasetFormats(folder: string): Promise<Format[]> {
  const original = join(folder, 'dataset')
  await generateDataset(
    { ...GENERATE_DEFAULTS, outputDir: original, imageSize: [16, 16, 16], totalSamples: 4 },
    undefined,
    1,
  )
  const part = (
    [name, damaged]: readonly [string, string],
    [inputs, sealed]: readonly [number, 'sealed'?],
    damage: Damage,
    without?: string,
  ): Format => ({
    name,
    inputs,
    isSealed: sealed !== undefined,
    write: (into, random) => {
      cpSync(original, join(into, 'dataset'), { recursive: true })
      if (without) rmSync(join(into, 'dataset', without))
      if (random) writeFileSync(join(into, 'dataset', damaged), damage(readFileSync(join(original, damaged)), random))
    },
    read: from => decoded(join(from, 'dataset')),
  })
  const inHdf5: Damage = (bytes, random) => mutate(bytes, random, 6 * KILOBYTES)
  return [
    part(['HDF5 with hashes', 'train.h5'], [200, 'sealed'], inHdf5),
    part(['HDF5 without hashes', 'train.h5'], [150], inHdf5, 'hashes.json'),
    part(['metadata.json', 'metadata.json'], [75], asJson),
    part(['hashes.json', 'hashes.json'], [75, 'sealed'], asJson),
  ]
}

function textFormats(folder: string): Format[] {
  const images = join(folder, 'nnunet')
  for (const n of [0, 1]) {
    writeVolume(join(images, 'imagesTr', `c${n}_0000.nii`), { value: imageOf(n) })
    writeVolume(join(images, 'labelsTr', `c${n}.nii`), { type: 2, value: v => (v < 900 ? 1 : 0) })
  }
  const facts = { channel_names: { 0: 'CT' }, labels: { background: 0, a: 1 }, numTraining: 2, file_ending: '.nii' }
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
  const sources = [{ name: 'one', images: '../nnunet/imagesTr', labels: 'labels', structures: { a: 1, b: [2, 3] } }]
  const lock = {
    pid: 1,
    host: hostname(),
    since: new Date(0).toISOString(),
    process: 'boot 1',
    job: '7',
    restarts: '0',
  }
  const measured = { variant: 'direct', milliseconds: { direct: 1.5, gemm: 2 } }
  const table = {
    format: 1,
    adapter: 'llvmpipe',
    entries: { 'conv3d 1': { abc: measured }, 'linear 2': { def: measured } },
  }
  return [
    {
      name: 'dataset.json',
      inputs: 75,
      isSealed: false,
      write: (into, random) => {
        cpSync(images, into, { recursive: true })
        writeFileSync(join(into, 'dataset.json'), random ? asJson(json(facts), random) : json(facts))
      },
      read: from => {
        const options = optionsFor(join(folder, 'imported'), { images: from }, { imageSize: [16, 16, 16] })
        rmSync(options.outputDir, { recursive: true, force: true })
        return importScans({ ...options, validationSplit: 0.5 })
      },
    },
    file('manifest.json', [50], json({ structures: ['a', 'b'], sources }), readManifest, asJson),
    file(
      'config.json',
      [75],
      Buffer.from(toJson(defaultConfig())),
      path => loadConfig({ file: path, overrides: [] }),
      asJson,
    ),
    {
      ...file('.lock', [50], json(lock), () => undefined, asJson),
      read: at => refuseIfHeld(at),
    },
    file(
      'table.json',
      [50],
      json(table),
      path => {
        const lines: string[] = []
        readTable(path, line => lines.push(line))
        for (const line of lines) if (/\n/.test(line) || !line.includes(path)) throw new Error(`a bad warning: ${line}`)
      },
      asJson,
    ),
  ]
}

/** All of them; their originals are made in the folder. */
export async function formatsIn(folder: string): Promise<Format[]> {
  mkdirSync(folder, { recursive: true })
  const datasets = await datasetFormats(folder)
  return [...checkpointFormats(folder), ...scanFormats(), ...datasets, ...textFormats(folder), ...textVolumeFormats()]
}

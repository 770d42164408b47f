import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDataset } from '../../../src/data/dataset/dataset.ts'
import { Hdf5Writer } from '../../../src/data/hdf5/writer.ts'
import { InputError } from '../../../src/util/error.ts'
import { presenceOf, temporaryDirectory, writeDataset, writeMetadata, writeSplit } from '../small_dataset.ts'

const root = temporaryDirectory()
const size: [number, number, number] = [16, 16, 16]
const small = { samples: 2, structures: 2, imageSize: size }

function directory(name: string): string {
  const path = join(root, name)
  mkdirSync(path)
  return path
}

async function refusal(path: string): Promise<string> {
  const error = await openDataset(path).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(InputError)
  const { message } = error as Error
  expect(message).not.toContain('\n')
  return message
}

test('a dataset is described, with its labels', async () => {
  const path = directory('good')
  await writeDataset(path, { ...small, samples: 3, channels: 2 }, { ...small, channels: 2 })
  const dataset = await openDataset(path)
  expect(dataset).toMatchObject({ structureNames: ['structure_0', 'structure_1'], imageSize: size, channels: 2 })
  expect(Object.keys(dataset.splits)).toEqual(['train', 'val'])
  const { train } = dataset.splits
  expect(train).toMatchObject({
    samples: 3,
    channels: 2,
    structures: 2,
    scenarios: ['scenario 0', 'scenario 1', 'scenario 2'],
  })
  expect([...train!.presence]).toEqual([0, 1, 2].flatMap(n => [presenceOf(n, 0), presenceOf(n, 1)]))
})

test('metadata and files that disagree are refused', async () => {
  const path = directory('disagree')
  await writeDataset(path, small)
  writeMetadata(path, { structure_names: ['a', 'b', 'c'], image_size: size })
  expect(await refusal(path)).toMatch(/train\.h5: masks have 2 structures, .*metadata\.json names 3$/)
  writeMetadata(path, { structure_names: ['a', 'b'], image_size: [16, 16, 32] })
  expect(await refusal(path)).toMatch(/train\.h5: images are 16×16×16, .* says 16×16×32$/)
  writeMetadata(path, { structure_names: ['a', 'a'], image_size: size })
  expect(await refusal(path)).toMatch(/'a' twice/)
  writeMetadata(path, { structure_names: ['a', 'b'], image_size: size, num_structures: 5 })
  expect(await refusal(path)).toMatch(/num_structures is 5/)
  writeMetadata(path, { structure_names: ['a', 'b'] })
  expect(await refusal(path)).toMatch(/metadata\.json: image_size: /)
  writeFileSync(join(path, 'metadata.json'), '{')
  expect(await refusal(path)).toMatch(/metadata\.json:1:2: found the end, expected a key in double quotes/)
  writeMetadata(path, { structure_names: ['a', '__proto__'], image_size: size })
  expect(await refusal(path)).toMatch(/metadata\.json: structure_names has '__proto__', expected another name/)
  const content = JSON.stringify({ structure_names: ['a', 'b'], image_size: size })
  writeFileSync(join(path, 'metadata.json'), `\uFEFF${content}`)
  expect((await openDataset(path)).structureNames).toEqual(['a', 'b'])
  rmSync(join(path, 'metadata.json'))
  expect(await refusal(path)).toMatch(/metadata\.json: no such file, expected the dataset's metadata\.json/)
  expect(await refusal(join(root, 'nowhere'))).toMatch(/nowhere: no such folder/)
})

test('a split with a missing or contradictory dataset is refused', async () => {
  const path = directory('splits')
  await writeDataset(path, small, { ...small, channels: 3 })
  expect(await refusal(path)).toMatch(/val\.h5: images have 3 channels, train\.h5 has 1/)
  await writeSplit(join(path, 'val.h5'), { ...small, imageSize: [16, 16, 32] })
  expect(await refusal(path)).toMatch(/val\.h5: images are 16×16×32/)
  rmSync(join(path, 'val.h5'))
  expect(await refusal(path)).toMatch(/val\.h5: no such file/)
  await writeBare(join(path, 'val.h5'), [16, 16, 16], 1n)
  expect(await refusal(path)).toMatch(/val\.h5: dataset 'masks' is missing/)
  await writeBare(join(path, 'val.h5'), [16], 1n)
  expect(await refusal(path)).toMatch(/val\.h5: dataset 'images' has shape \(1,16\), expected \(N, H, W, D\)/)
})

test('a presence label other than 1, 0, -1 is named with sample and structure', async () => {
  const path = directory('labels')
  await writeDataset(path, small)
  await writeBare(join(path, 'train.h5'), size, 7n, true)
  expect(await refusal(path)).toMatch(/'presence_labels' sample 0, structure 1 is 7, expected 1, 0 or -1/)
})

const preparation = {
  orientation: 'RAS',
  frame: { kind: 'spacing', spacing_mm: [1.5, 1.5, 3] },
  image_size: size,
  intensity: [{ kind: 'window', low: -160, high: 240 }],
}
const names = ['structure_0', 'structure_1']

test('where samples come from and how scans were prepared is read, and may be missing', async () => {
  const path = directory('source')
  await writeDataset(path, small)
  const bare = await openDataset(path)
  expect(bare).toMatchObject({ preparation: undefined, patches: false })
  expect(bare.splits.train).toMatchObject({ subjects: ['', ''], spacing: undefined })
  await writeSourced(join(path, 'train.h5'), ['anna', 'bert'], [0.5, 1, 2, 3, 4.5, 6])
  writeMetadata(path, { structure_names: names, image_size: size, preparation, patches: true })
  const dataset = await openDataset(path)
  expect(dataset).toMatchObject({ preparation, patches: true })
  expect(dataset.splits.train!.subjects).toEqual(['anna', 'bert'])
  expect([...dataset.splits.train!.spacing!]).toEqual([0.5, 1, 2, 3, 4.5, 6])
})

test('subjects, spacings and a preparation that contradict the rest are refused', async () => {
  const path = directory('wrong source')
  await writeDataset(path, small)
  const train = join(path, 'train.h5')
  await writeSourced(train, ['anna'], [1, 1, 1, 1, 1, 1])
  expect(await refusal(path)).toMatch(/train\.h5: dataset 'subjects' has shape \(1\), expected \(2\)$/)
  await writeSourced(train, ['anna', 'bert'], [1, 1, 1, 1, 0, 1])
  expect(await refusal(path)).toMatch(/'voxel_spacing' sample 1 has 0, expected positive millimetres$/)
  await writeSourced(train, ['anna', 'bert'], [1, Number.NaN, 1, 1, 1, 1])
  expect(await refusal(path)).toMatch(/'voxel_spacing' sample 0 has NaN, expected positive millimetres$/)
  await writeSourced(train, ['anna', 'bert'], [1, 1])
  expect(await refusal(path)).toMatch(/'voxel_spacing' is float32 of shape \(2,1\), expected numbers of \(2,3\)$/)
  await writeSplit(train, small)
  const metadata = { structure_names: names, image_size: size }
  writeMetadata(path, { ...metadata, preparation: { ...preparation, intensity: [] } })
  expect(await refusal(path)).toMatch(/metadata\.json: preparation\.intensity: /)
  for (const kind of ['window', 'percentile']) {
    writeMetadata(path, { ...metadata, preparation: { ...preparation, intensity: [{ kind, low: 5, high: 5 }] } })
    expect(await refusal(path)).toMatch(/preparation\.intensity\.0: expected low below high/)
  }
  writeMetadata(path, { ...metadata, preparation: { ...preparation, orientation: 'LPS' } })
  expect(await refusal(path)).toMatch(/metadata\.json: preparation\.orientation: /)
  writeMetadata(path, { ...metadata, patches: 'yes' })
  expect(await refusal(path)).toMatch(/metadata\.json: patches: /)
})

/** Two samples with these subjects; the spacings are divided among them. */
async function writeSourced(path: string, subjects: string[], spacing: number[]): Promise<void> {
  const axes = spacing.length / 2
  const writer = await Hdf5Writer.create(path, [
    { name: 'images', kind: 'float32', rowShape: size },
    { name: 'masks', kind: 'bool', rowShape: [2, ...size] },
    { name: 'presence_labels', kind: 'int64', rowShape: [2] },
    { name: 'voxel_spacing', kind: 'float32', rowShape: [axes] },
  ])
  for (const n of [0, 1]) {
    writer.append('images', new Float32Array(4096).fill(1))
    writer.append('masks', new Uint8Array(2 * 4096))
    writer.append('presence_labels', new BigInt64Array(2))
    writer.append('voxel_spacing', Float32Array.from(spacing.slice(n * axes, (n + 1) * axes)))
  }
  writer.writeStrings('subjects', subjects)
  await writer.finish()
}

async function writeBare(path: string, imageShape: number[], label: bigint, hasMasks = false): Promise<void> {
  const masks = { name: 'masks', kind: 'bool' as const, rowShape: [2, ...imageShape] }
  const images = { name: 'images', kind: 'float32' as const, rowShape: imageShape }
  const presence = { name: 'presence_labels', kind: 'int64' as const, rowShape: [2] }
  const writer = await Hdf5Writer.create(path, hasMasks ? [images, masks, presence] : [images, presence])
  const voxels = imageShape.reduce((product, axis) => product * axis, 1)
  writer.append('images', new Float32Array(voxels))
  if (hasMasks) writer.append('masks', new Uint8Array(2 * voxels))
  writer.append('presence_labels', BigInt64Array.of(1n, label))
  await writer.finish()
}

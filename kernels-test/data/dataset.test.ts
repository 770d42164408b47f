import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDataset } from '../../src/data/dataset.ts'
import { Hdf5Writer } from '../../src/data/hdf5_writer.ts'
import { InputError } from '../../src/util/error.ts'
import { presenceOf, temporaryDirectory, writeDataset, writeMetadata, writeSplit } from './small_dataset.ts'

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
  expect(await refusal(path)).toMatch(/metadata\.json: is not JSON/)
  rmSync(join(path, 'metadata.json'))
  expect(await refusal(path)).toMatch(/metadata\.json: cannot be read/)
  expect(await refusal(join(root, 'nowhere'))).toMatch(/nowhere: no such directory/)
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

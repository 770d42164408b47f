import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { openSplit } from '../../../src/data/dataset/dataset.ts'
import { Hdf5File } from '../../../src/data/hdf5/file.ts'
import { Hdf5Writer } from '../../../src/data/hdf5/writer.ts'
import { InputError } from '../../../src/util/error.ts'
import { intensity, isMasked, presenceOf, temporaryDirectory, writeSplit } from '../small_dataset.ts'

const directory = temporaryDirectory()
const split = { samples: 3, structures: 2, imageSize: [16, 16, 16] as [number, number, number] }
const voxels = 16 ** 3

test('what is written reads back, row by row', async () => {
  const path = join(directory, 'good.h5')
  await writeSplit(path, split)
  const file = await Hdf5File.open(path)
  expect(file.dataset('images')).toEqual({ name: 'images', shape: [3, 16, 16, 16], kind: 'float32', elementBytes: 4 })
  expect(file.dataset('masks')).toEqual({ name: 'masks', shape: [3, 2, 16, 16, 16], kind: 'bool', elementBytes: 1 })
  expect(file.dataset('presence_labels').kind).toBe('int64')
  for (let n = 0; n < split.samples; n++) {
    const image = Float32Array.from({ length: voxels }, (_, v) => intensity(n, v))
    const mask = Int8Array.from({ length: 2 * voxels }, (_, v) => Number(isMasked(n, v)))
    expect(file.read(file.dataset('images'), n, 1)).toEqual(image)
    expect(file.read(file.dataset('masks'), n, 1)).toEqual(mask)
    expect([...file.read(file.dataset('presence_labels'), n, 1)]).toEqual([presenceOf(n, 0), presenceOf(n, 1)])
  }
  expect(file.readStrings(file.dataset('scenarios'))).toEqual(['scenario 0', 'scenario 1', 'scenario 2'])
  expect(() => file.dataset('labels')).toThrow(`${path}: dataset 'labels' is missing`)
  expect(() => file.read(file.dataset('images'), 2, 2)).toThrow('has 3 samples, asked for 2..3')
  file.close()
})

test('equal contents have equal bytes, at any time', async () => {
  const [now, later] = [join(directory, 'now.h5'), join(directory, 'later.h5')]
  await writeSplit(now, split)
  const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 100_000)
  await writeSplit(later, split)
  clock.mockRestore()
  expect(readFileSync(later).equals(readFileSync(now))).toBe(true)
})

/** Written by make_filters.py with h5py and hdf5plugin. */
const FILTERS = join(import.meta.dirname, 'filters.h5')

test.each(['gzip', 'lzf', 'blosc', 'blosc2', 'bitshuffle', 'bzip2', 'lz4', 'zfp', 'zstd'])(
  'chunks that went through %s are read',
  async name => {
    const file = await Hdf5File.open(FILTERS)
    const stored = file.dataset(name)
    for (const n of [1, 0])
      expect(file.read(stored, n, 1)).toEqual(Float32Array.from({ length: 512 }, (_, v) => (512 * n + v) % 97))
    file.close()
  },
)

test('a filter that is not known is named', async () => {
  const file = await Hdf5File.open(FILTERS)
  expect(() => file.dataset('sz3')).toThrow(/filters\.h5: dataset 'sz3' is compressed with .*SZ3.*; gzip and lzf are/)
  file.close()
})

test('a flipped byte in a compressed chunk is an error naming file, dataset and sample', async () => {
  const path = join(directory, 'corrupt.h5')
  await writeSplit(path, split)
  const bytes = readFileSync(path)
  const first = bytes.indexOf(Buffer.from([0x78, 0x5e])) // the start of a zlib stream of level 4
  expect(first).toBeGreaterThan(0)
  for (let i = 0; i < 8; i++) bytes[first + 20 + i]! ^= 0xff
  writeFileSync(path, bytes)
  const file = await Hdf5File.open(path)
  const failures: string[] = []
  for (const name of ['images', 'masks', 'presence_labels'])
    for (let n = 0; n < split.samples; n++)
      try {
        file.read(file.dataset(name), n, 1)
      } catch (error) {
        expect(error).toBeInstanceOf(InputError)
        failures.push((error as Error).message)
      }
  file.close()
  expect(failures).toEqual([expect.stringMatching(/corrupt\.h5: dataset 'images' sample 0 cannot be read \(.+\)$/)])
})

test('damage anywhere is an InputError of one line or does no harm to the calls', async () => {
  const path = join(directory, 'damaged.h5')
  await writeSplit(path, { ...split, samples: 1 })
  const bytes = readFileSync(path)
  const reasons: string[] = []
  for (let at = 8; at < bytes.length; at += 29) {
    const damaged = Buffer.from(bytes)
    damaged[at]! ^= 0xff
    writeFileSync(path, damaged)
    const error = await openSplit('train', path).catch((thrown: unknown) => thrown)
    if (error instanceof Error) reasons.push(error instanceof InputError ? error.message : `${at}: ${error.stack}`)
  }
  expect(reasons.length).toBeGreaterThan(10)
  for (const reason of reasons) expect(reason).toMatch(/^[^\n]*damaged\.h5: [^\n]*$/)
})

test('a missing, text, directory or truncated file is one line naming path and reason', async () => {
  const text = join(directory, 'text.h5')
  writeFileSync(text, 'this is no HDF5 file')
  const folder = join(directory, 'folder.h5')
  mkdirSync(folder)
  const truncated = join(directory, 'truncated.h5')
  await writeSplit(truncated, split)
  truncateSync(truncated, 3000)
  const missing = join(directory, 'missing.h5')
  const cases = {
    [text]: 'is not an HDF5 file',
    [folder]: 'is a folder, expected an HDF5 file',
    [truncated]: 'truncated',
    [missing]: 'no such file',
  }
  for (const [path, reason] of Object.entries(cases)) {
    const error = await Hdf5File.open(path).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InputError)
    expect((error as Error).message).toMatch(new RegExp(`^${path}: .*${reason}.*$`))
  }
})

test('a write that fails leaves neither the file nor a temporary one', async () => {
  const folder = join(directory, 'writes')
  mkdirSync(folder)
  const columns = [{ name: 'images', kind: 'float32' as const, rowShape: [4] }]
  await expect(Hdf5Writer.create(join(folder, 'no', 'where.h5'), columns)).rejects.toThrow(/where\.h5: cannot write/)
  const writer = await Hdf5Writer.create(join(folder, 'a.h5'), columns)
  expect(() => writer.append('images', new Float32Array(3))).toThrow('expected 16 bytes')
  writer.append('images', new Float32Array(4))
  expect(readdirSync(folder)).not.toContain('a.h5')
  writer.abandon()
  expect(readdirSync(folder)).toEqual([])
})

import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { openSplit } from '../../../src/data/dataset/dataset.ts'
import { Hdf5File } from '../../../src/data/hdf5/file.ts'
import { loadHdf5 } from '../../../src/data/hdf5/library.ts'
import { Hdf5Writer } from '../../../src/data/hdf5/writer.ts'
import { inspectHdf5 } from '../../../src/data/inspect/hdf5.ts'
import { validateDataset } from '../../../src/data/validate/validate.ts'
import { InputError } from '../../../src/util/error.ts'
import { temporaryDirectory, writeSplit } from '../small_dataset.ts'

const directory = temporaryDirectory()
const split = { samples: 3, structures: 2, imageSize: [16, 16, 16] as [number, number, number] }

test.each([512, 1024, 2048, 8192])(
  'a file behind a user block of %i bytes is read like the file itself',
  async length => {
    const [plain, path] = [join(directory, 'plain.h5'), join(directory, `block${length}.h5`)]
    await writeSplit(plain, split)
    const block = Buffer.alloc(length, 'MATLAB 7.3 MAT-file, Platform: GLNXA64 ')
    writeFileSync(path, Buffer.concat([block, readFileSync(plain)]))
    const rows = async (of: string): Promise<unknown[]> => {
      const file = await Hdf5File.open(of)
      const read = ['images', 'masks', 'presence_labels'].map(name => file.read(file.dataset(name), 1, 1))
      file.close()
      return read
    }
    expect(await rows(path)).toEqual(await rows(plain))
    expect(await openSplit('train', path)).toEqual({ ...(await openSplit('train', plain)), path })
  },
)

test('a signature where no user block ends is none', async () => {
  const [plain, path] = [join(directory, 'plain.h5'), join(directory, 'shifted.h5')]
  await writeSplit(plain, split)
  writeFileSync(path, Buffer.concat([Buffer.alloc(500), readFileSync(plain)]))
  await expect(Hdf5File.open(path)).rejects.toThrow(new InputError(`${path}: is not an HDF5 file`))
})

test('a chunk that inflates to a thousand times what is declared is refused, and the next one is read', async () => {
  const path = join(directory, 'bomb.h5')
  const writer = await Hdf5Writer.create(path, [{ name: 'images', kind: 'float32', rowShape: [32, 32, 32] }])
  const noise = (): Float32Array => new Float32Array(new Uint8Array(randomBytes(4 * 32 ** 3)).buffer)
  const second = noise()
  writer.append('images', noise())
  writer.append('images', second)
  await writer.finish()
  const bytes = readFileSync(path)
  const first = bytes.indexOf(Buffer.from([0x78, 0x5e])) // the start of a zlib stream of level 4
  const bomb = deflateSync(Buffer.alloc(120 * 2 ** 20), { level: 9 })
  expect(bomb.length).toBeLessThan(4 * 32 ** 3)
  bomb.copy(bytes, first)
  writeFileSync(path, bytes)
  const { module } = await loadHdf5()
  const before = module.HEAPU8.length
  const file = await Hdf5File.open(path)
  const images = file.dataset('images')
  expect(() => file.read(images, 0, 1)).toThrow(
    new InputError(`${path}: dataset 'images' sample 0 cannot be read (takes more memory than its header states)`),
  )
  expect(module.HEAPU8.length - before).toBeLessThan(100 * 2 ** 20)
  expect(file.read(images, 1, 1)).toEqual(second)
  file.close()
})

test('more samples than the file has bytes are refused before anything is made for them', async () => {
  const path = join(directory, 'train.h5')
  await writeSplit(path, split)
  const { module, open } = await loadHdf5()
  const id = open(path, 'append')
  for (const [name, ...row] of [
    ['images', 16, 16, 16],
    ['masks', 2, 16, 16, 16],
    ['presence_labels', 2],
  ] as const)
    expect(module.resize_dataset(id, `/${name}`, [2n ** 27n, ...row.map(BigInt)])).toBe(0)
  module.close_file(id)
  await expect(openSplit('train', path)).rejects.toThrow(
    /train\.h5: dataset 'images' states 134217728 samples in a file of \d+ bytes$/,
  )
  const { findings } = await validateDataset({ directory, workers: 1, hash: false })
  expect(findings.map(({ file, dataset }) => `${file} ${dataset}`)).toContain('train.h5 images')
})

test('of thousands of attributes and datasets, a thousand each are described and the rest are counted', async () => {
  const path = join(directory, 'many.h5')
  const writer = await Hdf5Writer.create(path, [])
  for (let i = 0; i < 1100; i++) {
    writer.writeAttribute(`a${i}`, i)
    writer.writeStrings(`s${i}`, [])
  }
  await writer.finish()
  const { attributes, datasets, omitted } = await inspectHdf5(path)
  expect([Object.keys(attributes).length, datasets.length, omitted]).toEqual([1000, 1000, 200])
})

test('a read that the disk refuses is told, and taken neither for an absent dataset nor for damage', async () => {
  const path = join(directory, 'refused.h5')
  await writeSplit(path, split)
  const { module } = await loadHdf5()
  const files = module.FS as unknown as { read: unknown; ErrnoError: new (code: number) => Error }
  const { read } = files
  const told: string[] = []
  const attempts = [
    (file: Hdf5File) => file.has('scenarios'),
    (file: Hdf5File) => file.dataset('masks'),
    (file: Hdf5File) => file.attributeNames(),
    (file: Hdf5File) => file.memberNames(),
  ]
  for (const attempt of attempts) {
    const file = await Hdf5File.open(path)
    files.read = () => {
      throw new files.ErrnoError(29) // EIO
    }
    try {
      // what opening has read already needs no disk
      expect(attempt(file)).toBeTruthy()
    } catch (error) {
      told.push((error as Error).message)
    } finally {
      files.read = read
      file.close()
    }
  }
  expect(told.length).toBeGreaterThan(1)
  for (const message of told) expect(message).toMatch(/refused\.h5: dataset '.+' cannot be read \(I\/O error\)$/)
})

test('a writer removes what a killed one left of the same file', async () => {
  const path = join(directory, 'again.h5')
  const { pid } = spawnSync(process.execPath, ['-e', ''])
  const left = join(directory, `.again.h5.${pid}.tmp`)
  const others = join(directory, `.other.h5.${pid}.tmp`)
  for (const each of [left, others]) writeFileSync(each, 'half')
  const writer = await Hdf5Writer.create(path, [{ name: 'images', kind: 'float32', rowShape: [4] }])
  writer.append('images', new Float32Array(4))
  await writer.finish()
  expect([left, others].map(each => existsSync(each))).toEqual([false, true])
})

import { readFileSync, writeFileSync } from 'node:fs'
import { Hdf5File } from '../../src/data/hdf5/file.ts'

/** The start of a zlib stream at the level that the writer uses. */
const ZLIB = Buffer.from([0x78, 0x5e])

/** Flips a byte of the compressed chunk that holds a sample of a dataset; no other chunk is touched. */
export async function corruptChunk(path: string, dataset: string, sample: number): Promise<void> {
  const whole = readFileSync(path)
  for (let at = whole.indexOf(ZLIB); at >= 0; at = whole.indexOf(ZLIB, at + 1)) {
    const damaged = Buffer.from(whole)
    damaged[at + 4]! ^= 0xff
    writeFileSync(path, damaged)
    if ((await failures(path)).join() === `${dataset} ${sample}`) return
  }
  throw new Error(`${path}: found no chunk of ${dataset} sample ${sample}`)
}

/** Chunks that cannot be read. */
async function failures(path: string): Promise<string[]> {
  const file = await Hdf5File.open(path).catch(() => undefined)
  if (!file) return ['the file']
  const failed: string[] = []
  for (const name of ['images', 'masks', 'presence_labels']) {
    const dataset = file.dataset(name)
    for (let n = 0; n < dataset.shape[0]!; n++)
      try {
        file.read(dataset, n, 1)
      } catch {
        failed.push(`${name} ${n}`)
      }
  }
  file.close()
  return failed
}

/** The start of a B-tree's leaf that says where chunks are. */
const INDEX = Buffer.from('TREE\x01\0', 'latin1')
const INDEX_HEADER = 24 // bytes: signature, type, level, number of entries, two siblings

/**
 * Flips a bit of the index of chunks so that HDF5 finds none for this sample of a dataset, whose chunks are one sample each and of `rank`
 * axes: it then reads as zeros, without a complaint. Layout: HDF5 File Format Specification 3.0, III.A.1.
 */
export async function loseChunk(path: string, name: string, rank: number, sample: number): Promise<void> {
  const whole = readFileSync(path)
  const keyBytes = 8 + 8 * (rank + 1) // size of the chunk, filters left out, where it begins along every axis
  const firstAxis = INDEX_HEADER + sample * (keyBytes + 8) + 8
  for (let node = whole.indexOf(INDEX); node >= 0; node = whole.indexOf(INDEX, node + 1))
    for (let bit = 0; bit < 8; bit++) {
      const damaged = Buffer.from(whole)
      if (damaged[node + firstAxis] !== sample) break
      damaged[node + firstAxis]! ^= 1 << bit
      writeFileSync(path, damaged)
      if ((await zeros(path)).join() === `${name} ${sample}`) return
    }
  throw new Error(`${path}: found no index entry of ${name} sample ${sample}`)
}

/** Samples that are read as zeros; what cannot be read counts as such too. */
async function zeros(path: string): Promise<string[]> {
  const file = await Hdf5File.open(path).catch(() => undefined)
  if (!file) return ['the file']
  const empty: string[] = []
  for (const name of ['images', 'masks']) {
    for (let n = 0; n < file.dataset(name).shape[0]!; n++)
      try {
        if (!file.read(file.dataset(name), n, 1).some(value => value !== 0)) empty.push(`${name} ${n}`)
      } catch {
        empty.push(`${name} ${n} unreadable`)
      }
  }
  file.close()
  return empty
}

import { readFileSync, writeFileSync } from 'node:fs'
import { Hdf5File } from '../../src/data/hdf5_file.ts'

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

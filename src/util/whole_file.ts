import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'

/** Writes a file of these pieces, one after another, that appears whole or not at all. */
export function writeWhole(path: string, pieces: Iterable<Uint8Array>): void {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    const file = openSync(temporary, 'w')
    try {
      for (const piece of pieces) for (let done = 0; done < piece.length; ) done += writeSync(file, piece, done)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

/** Writes `value` to `path`; after an error the file is what it was. */
export function writeJsonFile(path: string, value: unknown): void {
  writeWhole(path, [Buffer.from(`${JSON.stringify(value, null, 2)}\n`)])
}

import { fstatSync } from 'node:fs'
import { InputError } from '../../../util/error.ts'
import { type ByteSource, Inflation, InflationDamage } from '../../../util/inflation.ts'
import { BYTE_LIMIT } from './voxels.ts'

export const SLACK = 2 ** 20 // bytes allowed after the voxels
const PASSED_AT_ONCE = 2 ** 16 // bytes

/** Bytes of an open file. Throws InputError if it is longer than any that can be read. */
export function checkedLength(file: number, path: string): number {
  const length = fstatSync(file).size
  if (length <= BYTE_LIMIT + SLACK) return length
  throw new InputError(`${path}: has ${length} bytes, at most ${BYTE_LIMIT} are supported`)
}

/** Lets `use` read what `source` holds deflated. Throws InputError with the path if it is damaged. */
export function withInflated<T>(
  path: string,
  source: ByteSource,
  format: 'gzip' | 'zlib',
  use: (inflated: ByteSource) => T,
): T {
  const inflation = new Inflation(source, format)
  try {
    return use(inflation)
  } catch (error) {
    if (!(error instanceof InflationDamage)) throw error
    throw new InputError(`${path}: ${format} stream is damaged or truncated (${error.message})`)
  } finally {
    inflation.close()
  }
}

/** Passes over up to `count` bytes; returns how many there were. At the end of a gzip stream, its checksum has been compared. */
export function passOver(source: ByteSource, count: number): number {
  const scratch = new Uint8Array(PASSED_AT_ONCE)
  let done = 0
  while (done < count) {
    const wanted = Math.min(scratch.length, count - done)
    const got = source.read(scratch.subarray(0, wanted))
    done += got
    if (got < wanted) break
  }
  return done
}

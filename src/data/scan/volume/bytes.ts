import { fstatSync } from 'node:fs'
import type { ByteSource } from '../../../util/bytes/byte_source.ts'
import { InputError } from '../../../util/error.ts'
import { Inflation, InflationDamage } from '../../../util/inflation.ts'
import { BYTE_LIMIT, SLACK } from './voxels.ts'

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

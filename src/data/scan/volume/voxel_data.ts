import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { type ByteSource, mostInflated, passOver } from '../../../util/bytes/byte_source.ts'
import { InputError } from '../../../util/error.ts'
import { FileBytes } from '../../../util/files/file_bytes.ts'
import { withInput } from '../../../util/files/input_file.ts'
import type { NumericArray } from '../../hdf5/file.ts'
import { checkedLength, withInflated } from './bytes.ts'
import { MissingVoxels, readVoxels, SLACK, statedBytes, type VoxelForm } from './voxels.ts'

/** Where voxels are. */
export interface VoxelPlace {
  /** the file of the header, or another one */
  file: string
  /** byte at which they begin; 'end' if they are the last bytes of the file */
  start: number | 'end'
  /** lines to pass over at the start */
  lines: number
  packing: 'raw' | 'gzip' | 'zlib'
  /** bytes of what is packed, if the header states them */
  packed: number | undefined
  /** bytes to pass over behind the lines, once unpacked */
  skip: number
}

/** Whether a header names several files: in a list below it, or by a pattern such as slice%03d.raw. */
export function isSeveral(name: string): boolean {
  return /^LIST\b/i.test(name) || /%\d*d/.test(name)
}

/** The file that a header names. Throws InputError if it is not below the folder of the header. */
export function dataFileOf(header: string, name: string): string {
  const folder = dirname(header)
  const file = resolve(folder, name)
  const below = relative(folder, file)
  if (isAbsolute(name) || below === '' || /^\.\.([\\/]|$)/.test(below) || isAbsolute(below))
    throw new InputError(`${header}: its voxels are in '${name}', expected a file in the folder of the header`)
  return join(folder, below)
}

/**
 * Reads the voxels of the header at `path`. Memory: the voxels in their own type, and a few slices. Compares the stated size with the file's
 * length before allocating, so a wrong header cannot make it allocate much memory. Throws InputError.
 */
export function readVoxelData(path: string, place: VoxelPlace, form: VoxelForm): NumericArray {
  const bytes = statedBytes(form, path)
  const read = (file: number): NumericArray => {
    const length = checkedLength(file, place.file)
    const start = place.start === 'end' ? length - bytes : afterLines(file, place)
    const held = Math.max(0, length - start)
    const most = place.packing === 'raw' ? held : mostInflated(held)
    if (start < 0) throw tooShort(path, place, { held: length, bytes })
    if (place.packed !== undefined && held < place.packed)
      throw tooShort(path, { ...place, skip: 0 }, { held, bytes: place.packed })
    if (most < place.skip + bytes) throw tooShort(path, place, { held: most, bytes })
    const source = new FileBytes(file, start)
    const unpacked = (voxels: ByteSource): NumericArray => voxelsIn(voxels, path, place, form)
    return place.packing === 'raw' ? unpacked(source) : withInflated(place.file, source, place.packing, unpacked)
  }
  return withInput(place.file, read, place.file === path ? 'a scan' : `the voxels of ${path}`)
}

function voxelsIn(source: ByteSource, path: string, place: VoxelPlace, form: VoxelForm): NumericArray {
  const bytes = statedBytes(form, path)
  const passed = passOver(source, place.skip)
  if (passed < place.skip) throw tooShort(path, place, { held: passed, bytes })
  let values: NumericArray
  try {
    values = readVoxels(source, form)
  } catch (error) {
    throw error instanceof MissingVoxels ? tooShort(path, place, { held: passed + error.bytes, bytes }) : error
  }
  if (place.packing !== 'raw' && passOver(source, SLACK + 1) > SLACK)
    throw new InputError(`${place.file}: decompresses to more than the header states`)
  return values
}

function tooShort(
  path: string,
  { file, skip }: VoxelPlace,
  { held, bytes }: { held: number; bytes: number },
): InputError {
  const header = file === path ? 'its header' : path
  return new InputError(`${file}: holds ${held} bytes of voxels, ${header} states ${skip + bytes}: truncated`)
}

const NEWLINE = 0x0a

/** The byte behind the lines to pass over; the end of the file if it has fewer. */
function afterLines(file: number, { start, lines }: VoxelPlace): number {
  let at = start as number
  if (lines === 0) return at
  const source = new FileBytes(file, at)
  const piece = new Uint8Array(2 ** 16)
  for (let left = lines; ; at += piece.length) {
    const got = source.read(piece)
    for (let b = 0; b < got; b++) if (piece[b] === NEWLINE && --left === 0) return at + b + 1
    if (got < piece.length) return at + got
  }
}

import { readSync } from 'node:fs'
import { InputError } from '../../../util/error.ts'
import { FileBytes } from '../../../util/files/file_bytes.ts'
import { withInput } from '../../../util/files/input_file.ts'
import { type ByteSource, mostInflated } from '../../../util/inflation.ts'
import type { ImageSize } from '../../../util/shape.ts'
import type { NumericArray } from '../../hdf5/file.ts'
import type { Affine, NiftiGeometry } from '../grid.ts'
import { checkedLength, passOver, SLACK, withInflated } from '../volume/bytes.ts'
import { MissingVoxels, readVoxels } from '../volume/voxels.ts'
import { FIRST_HEADER, headerLength, type NiftiHeader, parseHeader } from './header.ts'
import { type LabelNames, labelNamesIn, MOST_EXTENSIONS } from './label_table.ts'

export interface NiftiImage {
  path: string
  size: ImageSize // voxels along the stored axes (i, j, k)
  channels: number
  values: NumericArray // (C, I, J, K), k fastest, scaled by slope and intercept
  affine: Affine // in millimetres
  geometry: NiftiGeometry
  /** What the header leaves in doubt: each a sentence to follow the file's name. */
  warnings: readonly string[]
  /** names of label values, from a table in the header's extensions */
  labelNames?: LabelNames
}

/**
 * Reads .nii or .nii.gz, NIfTI-1 or 2, either byte order, 3D or with channels as the fourth (or fifth) axis. Memory: the voxels in their own
 * type, and a few slices. Throws InputError with one line: not NIfTI, an unknown voxel type, or sizes that contradict the file. Compares the
 * header with the file's length before allocating, so a wrong header cannot make it allocate much memory.
 */
export function readNifti(path: string): NiftiImage {
  return withOpened(path, opened => {
    const { passed, labelNames } = passExtensions(opened)
    return { ...imageOf(opened), values: voxelsOf(opened, passed), ...(labelNames && { labelNames }) }
  })
}

/** Reads the header only. Throws InputError like `readNifti`, except for errors in the voxels. */
export function readNiftiGrid(path: string): Omit<NiftiImage, 'values' | 'labelNames'> {
  return withOpened(path, imageOf)
}

/** A file whose header has been read. */
interface Opened {
  path: string
  header: NiftiHeader
  /** what follows the header */
  source: ByteSource
  /** bytes of the header */
  start: number
  /** whether extensions follow the header */
  isExtended: boolean
  /** the most bytes that the file can hold, inflated */
  most: number
  isGzip: boolean
}

function imageOf({ path, header }: Opened): Omit<NiftiImage, 'values' | 'labelNames'> {
  const { size, channels, affine, geometry, warnings } = header
  return { path, size, channels, affine, geometry, warnings }
}

function withOpened<T>(path: string, use: (opened: Opened) => T): T {
  const read = (file: number): T => {
    const length = checkedLength(file, path)
    const magic = Buffer.alloc(2)
    readSync(file, magic, 0, 2, 0)
    const isGzip = magic.readUInt16BE(0) === 0x1f8b
    const plain = new FileBytes(file)
    if (!isGzip) return use(open(path, plain, { most: length, isGzip }))
    const most = mostInflated(length)
    return withInflated(path, plain, 'gzip', inflated => use(open(path, inflated, { most, isGzip })))
  }
  return withInput(path, read, 'a NIfTI file')
}

function open(path: string, source: ByteSource, size: Pick<Opened, 'most' | 'isGzip'>): Opened {
  const start = read(source, FIRST_HEADER)
  const head = Buffer.concat([start, read(source, headerLength(start) - FIRST_HEADER)])
  return { path, header: parseHeader(head, path), source, start: head.length, isExtended: head.at(-4) !== 0, ...size }
}

/** Reads up to the voxels; `passed` is how far it came. */
function passExtensions({ path, header, source, start, isExtended, most }: Opened): {
  passed: number
  labelNames: LabelNames | undefined
} {
  const { offset, bytes, isLittle } = header
  if (most < offset + bytes) throw tooShort(path, header, most)
  const extensions = read(source, isExtended ? Math.min(offset - start, MOST_EXTENSIONS) : 0)
  const passed = start + extensions.length + passOver(source, offset - start - extensions.length)
  return { passed, labelNames: labelNamesIn(extensions, isLittle) }
}

function tooShort(path: string, { offset, bytes }: NiftiHeader, held: number): InputError {
  return new InputError(`${path}: holds ${held} bytes, its header states ${offset + bytes}: truncated`)
}

/** `passed`: bytes read so far, all up to the voxels in a file that is whole. */
function voxelsOf({ path, header, source, isGzip }: Opened, passed: number): NumericArray {
  const { offset } = header
  if (passed < offset) throw tooShort(path, header, passed)
  let values: NumericArray
  try {
    values = readVoxels(source, header)
  } catch (error) {
    throw error instanceof MissingVoxels ? tooShort(path, header, offset + error.bytes) : error
  }
  if (isGzip && passOver(source, SLACK + 1) > SLACK)
    throw new InputError(`${path}: decompresses to more than its header states`)
  return values
}

function read(source: ByteSource, count: number): Buffer {
  const bytes = Buffer.alloc(count)
  return bytes.subarray(0, source.read(bytes))
}

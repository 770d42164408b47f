import { type ByteSource, passOver } from '../../../util/bytes/byte_source.ts'
import { InputError } from '../../../util/error.ts'
import type { ImageSize } from '../../../util/shape.ts'
import type { NumericArray } from '../../hdf5/file.ts'
import type { Affine, NiftiGeometry } from '../grid.ts'
import { MissingVoxels, readVoxels, SLACK } from '../volume/voxels.ts'
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

/** The bytes of a NIfTI file, inflated. */
export interface NiftiBytes {
  path: string
  source: ByteSource
  /** the most bytes that the source can have */
  most: number
  /** whether the file was gzipped */
  isGzip: boolean
}

/** Whether a file that begins with these bytes is gzipped. */
export function isGzip(start: Uint8Array): boolean {
  return start[0] === 0x1f && start[1] === 0x8b
}

/** A file whose header has been read from the source. */
interface Opened extends NiftiBytes {
  header: NiftiHeader
  /** bytes of the header */
  start: number
  /** whether extensions follow the header */
  isExtended: boolean
}

/**
 * The image in the bytes of a .nii file, NIfTI-1 or 2, either byte order, 3D or with channels as the fourth (or fifth) axis. Memory: the voxels
 * in their own type, and a few slices. Throws InputError with one line: not NIfTI, an unknown voxel type, or sizes that contradict the file.
 * Compares the header with `most` before allocating, so a wrong header cannot make it allocate much memory.
 */
export function parseNifti(bytes: NiftiBytes): NiftiImage {
  const opened = open(bytes)
  const { passed, labelNames } = passExtensions(opened)
  return { ...imageOf(opened), values: voxelsOf(opened, passed), ...(labelNames && { labelNames }) }
}

/** Reads the header only. Throws InputError like `parseNifti`, except for errors in the voxels. */
export function parseNiftiGrid(bytes: NiftiBytes): Omit<NiftiImage, 'values' | 'labelNames'> {
  return imageOf(open(bytes))
}

function imageOf({ path, header }: Opened): Omit<NiftiImage, 'values' | 'labelNames'> {
  const { size, channels, affine, geometry, warnings } = header
  return { path, size, channels, affine, geometry, warnings }
}

function open({ path, source, ...size }: NiftiBytes): Opened {
  const start = read(source, FIRST_HEADER)
  const more = read(source, headerLength(start) - FIRST_HEADER)
  const head = new Uint8Array(start.length + more.length)
  head.set(start)
  head.set(more, start.length)
  return { path, source, ...size, header: parseHeader(head, path), start: head.length, isExtended: head.at(-4) !== 0 }
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

function read(source: ByteSource, count: number): Uint8Array {
  const bytes = new Uint8Array(count)
  return bytes.subarray(0, source.read(bytes))
}

import { fstatSync, readSync } from 'node:fs'
import { constants, gunzipSync } from 'node:zlib'
import { isNIFTI1, isNIFTI2, type NIFTI1, type NIFTI2, readHeader } from 'nifti-reader-js'
import { InputError } from '../../util/error.ts'
import { withInput } from '../../util/files/input_file.ts'
import type { ImageSize } from '../../util/shape.ts'
import { sizeOf } from '../../util/shape.ts'
import type { NumericArray } from '../hdf5/file.ts'
import type { Affine, NiftiGeometry } from './grid.ts'

export interface NiftiImage {
  path: string
  size: ImageSize // voxels along the stored axes (i, j, k)
  channels: number
  values: NumericArray // (C, I, J, K), k fastest, scaled by slope and intercept
  affine: Affine
  geometry: NiftiGeometry
}

const BYTE_LIMIT = 2 ** 30 // of voxel data
const GZIP_SLACK = 2 ** 20 // bytes allowed after the voxels
const HEADER_BYTES = 540 // NIfTI-2; NIfTI-1 has 348

/** Voxel types by NIfTI code. Complex numbers and colours are not supported. */
const VOXEL_TYPES: Record<number, { bytes: number; read: (view: DataView, at: number, little: boolean) => number }> = {
  2: { bytes: 1, read: (view, at) => view.getUint8(at) },
  4: { bytes: 2, read: (view, at, little) => view.getInt16(at, little) },
  8: { bytes: 4, read: (view, at, little) => view.getInt32(at, little) },
  16: { bytes: 4, read: (view, at, little) => view.getFloat32(at, little) },
  64: { bytes: 8, read: (view, at, little) => view.getFloat64(at, little) },
  256: { bytes: 1, read: (view, at) => view.getInt8(at) },
  512: { bytes: 2, read: (view, at, little) => view.getUint16(at, little) },
  768: { bytes: 4, read: (view, at, little) => view.getUint32(at, little) },
  1024: { bytes: 8, read: (view, at, little) => Number(view.getBigInt64(at, little)) },
  1280: { bytes: 8, read: (view, at, little) => Number(view.getBigUint64(at, little)) },
}
const NEEDS_DOUBLE = [8, 64, 768, 1024, 1280] // codes with values that float32 cannot represent

/**
 * Reads .nii or .nii.gz, NIfTI-1 or 2, either byte order, 3D or with channels as the fourth (or fifth) axis.
 * Throws InputError with one line: not NIfTI, an unknown voxel type, or sizes that contradict the file. Compares the header
 * with the file's length before allocating, so a wrong header cannot make it allocate much memory.
 */
export function readNifti(path: string): NiftiImage {
  return withLayout(path, (file, isGzip, layout) => {
    const bytes = readBytes(file, isGzip, layout.offset + layout.bytes, path)
    const { size, channels, geometry, affine } = layout
    return { path, size, channels, values: decodeVoxels(bytes, layout), affine, geometry }
  })
}

/** Reads the header only. Throws InputError like `readNifti`, except for errors in the voxels. */
export function readNiftiGrid(path: string): Omit<NiftiImage, 'values'> {
  return withLayout(path, (_file, _isGzip, { size, channels, geometry, affine }) => ({
    path,
    size,
    channels,
    affine,
    geometry,
  }))
}

function withLayout<T>(path: string, use: (file: number, isGzip: boolean, layout: Layout) => T): T {
  const read = (file: number): T => {
    const start = readStart(file)
    const isGzip = start[0] === 0x1f && start[1] === 0x8b
    const head = isGzip ? gunzipStart(start, path) : start
    return use(file, isGzip, layoutOf(head, path))
  }
  return withInput(path, read, 'a NIfTI file')
}

function readStart(file: number): Buffer {
  const start = Buffer.alloc(4096)
  return start.subarray(0, readSync(file, start, 0, start.length, 0))
}

function gunzipStart(start: Buffer, path: string): Buffer {
  try {
    // SYNC_FLUSH decompresses the first bytes although the stream is cut off, to at most 1032 times their size.
    return gunzipSync(start, { finishFlush: constants.Z_SYNC_FLUSH })
  } catch (error) {
    throw new InputError(`${path}: gzip stream is damaged (${(error as Error).message})`)
  }
}

interface Layout {
  size: ImageSize
  channels: number
  type: number
  isLittle: boolean
  slope: number
  intercept: number
  offset: number
  bytes: number
  geometry: NiftiGeometry
  affine: Affine
}

function layoutOf(head: Buffer, path: string): Layout {
  const first = Uint8Array.from(head.subarray(0, HEADER_BYTES)).buffer // without extensions, which are not used
  if (!isNIFTI1(first) && !isNIFTI2(first)) throw new InputError(`${path}: is not a NIfTI file (.nii or .nii.gz)`)
  let header: NIFTI1 | NIFTI2
  try {
    header = readHeader(first)
  } catch (error) {
    throw new InputError(`${path}: damaged NIfTI header (${(error as Error).message})`)
  }
  const [size, channels] = gridOf(header, path)
  const type = VOXEL_TYPES[header.datatypeCode]
  if (!type) throw new InputError(`${path}: voxel type ${header.datatypeCode} is not a real number`)
  const bytes = sizeOf(size) * channels * type.bytes
  if (bytes > BYTE_LIMIT)
    throw new InputError(`${path}: its header states ${bytes} bytes of voxels, at most ${BYTE_LIMIT} are supported`)
  const isFirst = isNIFTI1(first)
  const earliest = isFirst ? 352 : 544
  const offset = Math.max(header.vox_offset, earliest)
  if (!(offset < BYTE_LIMIT))
    throw new InputError(`${path}: its header puts the voxels at byte ${header.vox_offset}, which is out of range`)
  const isScaled = Number.isFinite(header.scl_slope) && header.scl_slope !== 0
  const slope = isScaled ? header.scl_slope : 1
  const intercept = isScaled && Number.isFinite(header.scl_inter) ? header.scl_inter : 0
  const geometry = geometryOf(header, new DataView(first), isFirst)
  const affine = affineOf(geometry)
  checkAffine(affine, path)
  const code = header.datatypeCode
  return {
    size,
    channels,
    type: code,
    isLittle: header.littleEndian,
    slope,
    intercept,
    offset,
    bytes,
    geometry,
    affine,
  }
}

function gridOf(header: NIFTI1 | NIFTI2, path: string): [ImageSize, number] {
  const rank = header.dims[0]!
  const dims = header.dims.slice(1, 1 + rank)
  const named = `(${dims.join(', ')})`
  if (!(rank >= 3 && rank <= 7)) throw new InputError(`${path}: has ${rank} axes, expected a volume with three or four`)
  if (dims.some(axis => !Number.isInteger(axis) || axis < 1))
    throw new InputError(`${path}: its header states axes ${named}, expected positive lengths`)
  const further = dims.slice(3).filter(axis => axis > 1)
  if (further.length > 1)
    throw new InputError(`${path}: has axes ${named}, expected three axes, and at most one more for channels`)
  return [dims.slice(0, 3) as ImageSize, further[0] ?? 1]
}

function geometryOf(header: NIFTI1 | NIFTI2, view: DataView, isFirst: boolean): NiftiGeometry {
  const little = header.littleEndian
  const row = (r: number) =>
    [0, 1, 2, 3].map(c =>
      isFirst ? view.getFloat32(280 + 4 * (4 * r + c), little) : view.getFloat64(400 + 8 * (4 * r + c), little),
    )
  return {
    pixdim: header.pixDims.slice(0, 4),
    units: header.xyzt_units,
    sformCode: header.sform_code,
    sform: [row(0), row(1), row(2)],
    qformCode: header.qform_code,
    quaternion: [header.quatern_b, header.quatern_c, header.quatern_d],
    offset: [header.qoffset_x, header.qoffset_y, header.qoffset_z],
  }
}

/** The sform if present, else the qform, else voxel sizes only (methods 3, 2 and 1 of nifti1.h). */
function affineOf({ pixdim, sformCode, sform, qformCode, quaternion, offset }: NiftiGeometry): Affine {
  if (sformCode > 0) return sform
  const [, dx, dy, dz] = pixdim as [number, number, number, number]
  const alongAxes: Affine = [
    [dx, 0, 0, 0],
    [0, dy, 0, 0],
    [0, 0, dz, 0],
  ]
  if (qformCode <= 0) return alongAxes
  const [b, c, d] = quaternion
  const a = Math.sqrt(Math.max(0, 1 - (b * b + c * c + d * d))) // rounding may make it slightly negative
  const dk = pixdim[0]! < 0 ? -dz : dz
  return [
    [(a * a + b * b - c * c - d * d) * dx, 2 * (b * c - a * d) * dy, 2 * (b * d + a * c) * dk, offset[0]],
    [2 * (b * c + a * d) * dx, (a * a + c * c - b * b - d * d) * dy, 2 * (c * d - a * b) * dk, offset[1]],
    [2 * (b * d - a * c) * dx, 2 * (c * d + a * b) * dy, (a * a + d * d - b * b - c * c) * dk, offset[2]],
  ]
}

function checkAffine([x, y, z]: Affine, path: string): void {
  const [a, b, c] = [x, y, z] as [number[], number[], number[]]
  const determinant =
    a[0]! * (b[1]! * c[2]! - b[2]! * c[1]!) -
    a[1]! * (b[0]! * c[2]! - b[2]! * c[0]!) +
    a[2]! * (b[0]! * c[1]! - b[1]! * c[0]!)
  if (!Number.isFinite(determinant) || determinant === 0)
    throw new InputError(`${path}: its affine (sform or qform) is not invertible`)
}

function readBytes(file: number, isGzip: boolean, expected: number, path: string): Buffer {
  const length = fstatSync(file).size
  if (length > BYTE_LIMIT + GZIP_SLACK)
    throw new InputError(`${path}: has ${length} bytes, at most ${BYTE_LIMIT} are supported`)
  const tooShort = (bytes: number) =>
    new InputError(`${path}: holds ${bytes} bytes, its header states ${expected}: truncated`)
  if (!isGzip && length < expected) throw tooShort(length)
  const stored = Buffer.alloc(isGzip ? length : expected)
  readSync(file, stored, 0, stored.length, 0)
  if (!isGzip) return stored
  let bytes: Buffer
  try {
    bytes = gunzipSync(stored, { maxOutputLength: expected + GZIP_SLACK })
  } catch (error) {
    const isLarger = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    const reason = isLarger ? 'decompresses to more than its header states' : 'gzip stream is damaged or truncated'
    throw new InputError(`${path}: ${reason}`)
  }
  if (bytes.length < expected) throw tooShort(bytes.length)
  return bytes
}

/** Transposes: in NIfTI files i is fastest, here k is. */
function decodeVoxels(
  bytes: Buffer,
  { size, channels, type, isLittle, slope, intercept, offset }: Layout,
): NumericArray {
  const { bytes: step, read } = VOXEL_TYPES[type]!
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const count = sizeOf(size) * channels
  const values = NEEDS_DOUBLE.includes(type) ? new Float64Array(count) : new Float32Array(count)
  const [width, height, depth] = size
  let at = 0
  for (let c = 0; c < channels; c++)
    for (let i = 0; i < width; i++)
      for (let j = 0; j < height; j++)
        for (let k = 0; k < depth; k++) {
          const stored = ((c * depth + k) * height + j) * width + i
          values[at++] = read(view, offset + stored * step, isLittle) * slope + intercept
        }
  return values
}

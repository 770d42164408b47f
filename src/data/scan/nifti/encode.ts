import { ContractError, InputError } from '../../../util/error.ts'
import { type ImageSize, sizeOf } from '../../../util/shape.ts'
import type { Affine, NiftiGeometry } from '../grid.ts'
import type { ScanGrid } from '../scan.ts'

const LONGEST_AXIS = 32767 // int16
const VOXELS_AT_ONCE = 2 ** 21
const SCANNER = 1 // NIFTI_XFORM_SCANNER_ANAT
const MILLIMETRES = 2
const HEADER_BYTES = 352
const TYPES = { uint8: { code: 2, bits: 8 }, float32: { code: 16, bits: 32 } } as const

/**
 * The bytes of a NIfTI-1 file with labels (uint8) or numbers (float32), little-endian, in pieces, on the grid of `like`: same affine, voxel sizes
 * and units. `values` is (I, J, K), k fastest, as from `parseNifti`. A piece takes a few megabytes. Throws InputError with `path` if an axis is
 * too long for NIfTI-1.
 */
export function encodeNifti(
  path: string,
  values: Uint8Array | Float32Array,
  like: ScanGrid,
): Generator<Uint8Array<ArrayBuffer>> {
  if (values.length !== sizeOf(like.size))
    throw new ContractError('encodeNifti', 'values', values.length, `${like.size.join('·')} voxels`)
  if (like.size.some(axis => axis > LONGEST_AXIS))
    throw new InputError(`${path}: has ${like.size.join('×')} voxels, NIfTI-1 allows ${LONGEST_AXIS} along an axis`)
  return stored(values, like)
}

/** The bytes of the file: header, then voxels in NIfTI order, i fastest. */
function* stored(values: Uint8Array | Float32Array, like: ScanGrid): Generator<Uint8Array<ArrayBuffer>> {
  yield header(like, values instanceof Float32Array ? 'float32' : 'uint8')
  const [width, height, depth] = like.size
  const slices = Math.max(1, Math.floor(VOXELS_AT_ONCE / (width * height)))
  for (let first = 0; first < depth; first += slices) {
    const end = Math.min(depth, first + slices)
    const count = (end - first) * width * height
    const part = values instanceof Float32Array ? new Float32Array(count) : new Uint8Array(count)
    for (let i = 0; i < width; i++)
      for (let j = 0; j < height; j++) {
        const line = (i * height + j) * depth
        for (let k = first; k < end; k++) part[((k - first) * height + j) * width + i] = values[line + k]!
      }
    yield new Uint8Array(part.buffer)
  }
}

/** The header fields of nifti1.h for a volume on a known grid. */
function header(
  { size, affine, geometry = scannerGeometry(affine) }: ScanGrid,
  type: keyof typeof TYPES,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_BYTES)
  const view = new DataView(bytes.buffer)
  view.setInt32(0, 348, true)
  for (const [i, axis] of [3, ...size, 1, 1, 1, 1].entries()) view.setInt16(40 + 2 * i, axis, true)
  view.setInt16(70, TYPES[type].code, true)
  view.setInt16(72, TYPES[type].bits, true)
  for (const [i, length] of geometry.pixdim.entries()) view.setFloat32(76 + 4 * i, length, true)
  view.setFloat32(108, HEADER_BYTES, true) // first voxel
  view.setFloat32(112, 1, true) // slope
  view.setUint8(123, geometry.units & 0xff)
  view.setInt16(252, geometry.qformCode, true)
  view.setInt16(254, geometry.sformCode, true)
  for (const [i, value] of [...geometry.quaternion, ...geometry.offset].entries())
    view.setFloat32(256 + 4 * i, value, true)
  for (const [i, value] of geometry.sform.flat().entries()) view.setFloat32(280 + 4 * i, value, true)
  bytes.set(new TextEncoder().encode('n+1\0'), 344)
  return bytes
}

/** Header values for a grid without a NIfTI header: the affine is in scanner space, in millimetres. */
function scannerGeometry(affine: Affine): NiftiGeometry {
  const spacing = [0, 1, 2].map(axis => Math.hypot(...affine.map(row => row[axis]!))) as ImageSize
  return {
    pixdim: [1, ...spacing],
    units: MILLIMETRES,
    sformCode: SCANNER,
    sform: affine,
    qformCode: 0,
    quaternion: [0, 0, 0],
    offset: [0, 0, 0],
  }
}

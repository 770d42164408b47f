import { constants, crc32, deflateRawSync } from 'node:zlib'
import { ContractError, InputError } from '../../../util/error.ts'
import { type ImageSize, sizeOf } from '../../../util/shape.ts'
import { writeWhole } from '../../../util/whole_file.ts'
import type { Affine, NiftiGeometry } from '../grid.ts'
import type { ScanGrid } from '../scan.ts'

const LONGEST_AXIS = 32767 // int16
const VOXELS_AT_ONCE = 2 ** 21
const SCANNER = 1 // NIFTI_XFORM_SCANNER_ANAT
const MILLIMETRES = 2
const HEADER_BYTES = 352
const TYPES = { uint8: { code: 2, bits: 8 }, float32: { code: 16, bits: 32 } } as const

/**
 * Writes labels (uint8) or numbers (float32) as NIfTI-1, little-endian (gzipped if `path` ends in .gz), on the grid of `like`: same affine,
 * voxel sizes and units. `values` is (I, J, K), k fastest, as from `readNifti`. Needs a few more megabytes of memory. Atomic. Throws
 * InputError if an axis is too long for NIfTI-1, WriteError if the file cannot be written.
 */
export function writeNifti(path: string, values: Uint8Array | Float32Array, like: ScanGrid): void {
  const pieces = niftiPieces(path, values, like)
  writeWhole(path, path.endsWith('.gz') ? gzipped(pieces) : pieces)
}

/** The bytes of such a file, not gzipped, in pieces. Throws InputError as writeNifti does. */
export function niftiPieces(path: string, values: Uint8Array | Float32Array, like: ScanGrid): Generator<Uint8Array> {
  if (values.length !== sizeOf(like.size))
    throw new ContractError('writeNifti', 'values', values.length, `${like.size.join('·')} voxels`)
  if (like.size.some(axis => axis > LONGEST_AXIS))
    throw new InputError(`${path}: has ${like.size.join('×')} voxels, NIfTI-1 allows ${LONGEST_AXIS} along an axis`)
  return stored(values, like)
}

/** Header, then voxels in NIfTI order, i fastest. */
function* stored(values: Uint8Array | Float32Array, like: ScanGrid): Generator<Uint8Array> {
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

/** One gzip member (RFC 1952) for all pieces, because some readers stop after the first. A sync flush ends each piece on a byte boundary. */
function* gzipped(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  yield Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255)
  let [checksum, length] = [0, 0]
  for (const piece of pieces) {
    checksum = crc32(piece, checksum)
    length += piece.length
    yield deflateRawSync(piece, { finishFlush: constants.Z_SYNC_FLUSH })
  }
  const end = Buffer.alloc(10)
  end.writeUInt8(3, 0) // an empty last block, 2 bytes
  end.writeUInt32LE(checksum, 2)
  end.writeUInt32LE(length % 2 ** 32, 6)
  yield end
}

/** The header fields of nifti1.h for a volume on a known grid. */
function header({ size, affine, geometry = scannerGeometry(affine) }: ScanGrid, type: keyof typeof TYPES): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES)
  bytes.writeInt32LE(348, 0)
  for (const [i, axis] of [3, ...size, 1, 1, 1, 1].entries()) bytes.writeInt16LE(axis, 40 + 2 * i)
  bytes.writeInt16LE(TYPES[type].code, 70)
  bytes.writeInt16LE(TYPES[type].bits, 72)
  for (const [i, length] of geometry.pixdim.entries()) bytes.writeFloatLE(length, 76 + 4 * i)
  bytes.writeFloatLE(HEADER_BYTES, 108) // first voxel
  bytes.writeFloatLE(1, 112) // slope
  bytes.writeUInt8(geometry.units & 0xff, 123)
  bytes.writeInt16LE(geometry.qformCode, 252)
  bytes.writeInt16LE(geometry.sformCode, 254)
  for (const [i, value] of [...geometry.quaternion, ...geometry.offset].entries())
    bytes.writeFloatLE(value, 256 + 4 * i)
  for (const [i, value] of geometry.sform.flat().entries()) bytes.writeFloatLE(value, 280 + 4 * i)
  bytes.write('n+1\0', 344, 'latin1')
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

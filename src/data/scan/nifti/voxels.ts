import type { ByteSource } from '../../../util/inflation.ts'
import { type ImageSize, sizeOf } from '../../../util/shape.ts'
import type { NumericArray } from '../../hdf5/file.ts'

type Stored = NumericArray | BigInt64Array | BigUint64Array
type StoredType = new (buffer: ArrayBuffer, offset: number, length: number) => Stored

/** Voxel types by NIfTI code. Complex numbers and colours are not supported. */
const TYPES: Readonly<Record<number, StoredType & { BYTES_PER_ELEMENT: number }>> = {
  2: Uint8Array,
  4: Int16Array,
  8: Int32Array,
  16: Float32Array,
  64: Float64Array,
  256: Int8Array,
  512: Uint16Array,
  768: Uint32Array,
  1024: BigInt64Array,
  1280: BigUint64Array,
}
const NEEDS_DOUBLE = [8, 64, 768, 1024, 1280] // codes with values that float32 cannot represent
const WHOLE = [1024, 1280] // codes of 64-bit integers, which become doubles
const SLAB_BYTES = 2 ** 22 // read at a time, or one slice
/** The bytes were not all there. */
export class MissingVoxels extends Error {
  override name = 'MissingVoxels'
  readonly bytes: number // that were there
  constructor(bytes: number) {
    super(`${bytes} bytes of voxels`)
    this.bytes = bytes
  }
}

/** What the voxels of a file are. */
export interface VoxelForm {
  size: ImageSize
  channels: number
  /** NIfTI code */
  type: number
  isLittle: boolean
  slope: number
  intercept: number
}

/** Bytes of a voxel; undefined if the type is not supported. */
export function voxelBytesOf(type: number): number | undefined {
  return TYPES[type]?.BYTES_PER_ELEMENT
}

/**
 * The voxels (C, I, J, K), k fastest, in the type in which they are stored, or as floats if slope and intercept scale them. In NIfTI files i
 * is fastest. Memory besides the result: a few slices. Throws MissingVoxels.
 */
export function readVoxels(source: ByteSource, form: VoxelForm): NumericArray {
  const { size, channels } = form
  const [width, height, depth] = size
  const values = allocate(form)
  const slice = width * height
  const voxelBytes = TYPES[form.type]!.BYTES_PER_ELEMENT
  const most = Math.min(depth, Math.max(1, Math.floor(SLAB_BYTES / (slice * voxelBytes))))
  const slab = new ArrayBuffer(most * slice * voxelBytes)
  let bytes = 0
  for (let c = 0; c < channels; c++)
    for (let first = 0; first < depth; first += most) {
      const count = Math.min(most, depth - first)
      const part = Buffer.from(slab, 0, count * slice * voxelBytes)
      const read = source.read(part)
      bytes += read
      if (read < part.length) throw new MissingVoxels(bytes)
      if (!form.isLittle) swap(part, voxelBytes)
      const stored = new TYPES[form.type]!(slab, 0, count * slice)
      spread(stored, values.subarray(c * sizeOf(size), (c + 1) * sizeOf(size)), form, [first, count])
    }
  return values
}

function allocate({ size, channels, type, slope, intercept }: VoxelForm): NumericArray {
  const count = sizeOf(size) * channels
  if (slope === 1 && intercept === 0 && !WHOLE.includes(type))
    return new (TYPES[type] as unknown as new (length: number) => NumericArray)(count)
  return NEEDS_DOUBLE.includes(type) ? new Float64Array(count) : new Float32Array(count)
}

function swap(bytes: Buffer, voxelBytes: number): void {
  if (voxelBytes === 2) bytes.swap16()
  else if (voxelBytes === 4) bytes.swap32()
  else if (voxelBytes === 8) bytes.swap64()
}

/** Writes slices into a volume. */
function spread(
  stored: Stored,
  values: NumericArray,
  { size: [width, height, depth], slope, intercept }: VoxelForm,
  [first, count]: readonly [number, number],
): void {
  for (let i = 0; i < width; i++)
    for (let j = 0; j < height; j++) {
      const line = (i * height + j) * depth + first
      let at = j * width + i
      for (let k = 0; k < count; k++, at += width * height) values[line + k] = Number(stored[at]!) * slope + intercept
    }
}

import type { ByteSource } from '../../../util/bytes/byte_source.ts'
import { InputError } from '../../../util/error.ts'
import { type ImageSize, sizeOf } from '../../../util/shape.ts'
import type { NumericArray } from '../../hdf5/file.ts'

type Stored = NumericArray | BigInt64Array | BigUint64Array
type StoredType = new (buffer: ArrayBuffer, offset: number, length: number) => Stored

/** What voxels may be in a file. Complex numbers and colours are not supported. */
export type VoxelType =
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'float32'
  | 'float64'

const TYPES: Readonly<Record<VoxelType, StoredType & { BYTES_PER_ELEMENT: number }>> = {
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float32: Float32Array,
  float64: Float64Array,
}
const NEEDS_DOUBLE: readonly VoxelType[] = ['int32', 'uint32', 'int64', 'uint64', 'float64'] // float32 lacks some of their values
const WHOLE: readonly VoxelType[] = ['int64', 'uint64'] // become doubles
const SLAB_BYTES = 2 ** 22 // read at a time, or one slice
export const BYTE_LIMIT = 2 ** 30 // of voxels
export const SLACK = 2 ** 20 // bytes allowed after the voxels

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
  /** How many of the axes i, j, k vary faster than the channel: 3 if channels are volumes one after another, 0 if they alternate. */
  channelAxis: number
  type: VoxelType
  isLittle: boolean
  slope: number
  intercept: number
}

export function voxelBytesOf(type: VoxelType): number {
  return TYPES[type].BYTES_PER_ELEMENT
}

/** Bytes of all voxels. Throws InputError with the path of the header if they are more than supported. */
export function statedBytes(
  { size, channels, type }: Pick<VoxelForm, 'size' | 'channels' | 'type'>,
  path: string,
): number {
  const all = sizeOf(size) * channels * voxelBytesOf(type)
  if (all <= BYTE_LIMIT) return all
  throw new InputError(`${path}: its header states ${all} bytes of voxels, at most ${BYTE_LIMIT} are supported`)
}

/**
 * The voxels (C, I, J, K), k fastest, in the type in which they are stored, or as floats if slope and intercept scale them. In the file, i
 * varies faster than j, and j than k. Memory besides the result: a few slices. Throws MissingVoxels.
 */
export function readVoxels(source: ByteSource, form: VoxelForm): NumericArray {
  const { size, channels } = form
  const [width, height, depth] = size
  const values = allocate(form)
  const inSlice = form.channelAxis === 3 ? 1 : channels // channels of a slice that lie together
  const slice = width * height * inSlice
  const voxelBytes = voxelBytesOf(form.type)
  const most = Math.min(depth, Math.max(1, Math.floor(SLAB_BYTES / (slice * voxelBytes))))
  const slab = new ArrayBuffer(most * slice * voxelBytes)
  let bytes = 0
  for (let c = 0; c < channels; c += inSlice)
    for (let first = 0; first < depth; first += most) {
      const count = Math.min(most, depth - first)
      const part = new Uint8Array(slab, 0, count * slice * voxelBytes)
      const read = source.read(part)
      bytes += read
      if (read < part.length) throw new MissingVoxels(bytes)
      if (!form.isLittle) swap(slab, count * slice, voxelBytes)
      const stored = new TYPES[form.type](slab, 0, count * slice)
      for (let own = 0; own < inSlice; own++)
        spread(stored, values.subarray((c + own) * sizeOf(size), (c + own + 1) * sizeOf(size)), form, [
          own,
          first,
          count,
        ])
    }
  return values
}

function allocate({ size, channels, type, slope, intercept }: VoxelForm): NumericArray {
  const count = sizeOf(size) * channels
  if (slope === 1 && intercept === 0 && !WHOLE.includes(type))
    return new (TYPES[type] as unknown as new (length: number) => NumericArray)(count)
  return NEEDS_DOUBLE.includes(type) ? new Float64Array(count) : new Float32Array(count)
}

/** Reverses the bytes of `count` voxels at the start of `slab`. */
function swap(slab: ArrayBuffer, count: number, voxelBytes: number): void {
  if (voxelBytes === 2) {
    const halves = new Uint16Array(slab, 0, count)
    for (let i = 0; i < count; i++) halves[i] = (halves[i]! << 8) | (halves[i]! >> 8)
  }
  if (voxelBytes < 4) return
  const words = new Uint32Array(slab, 0, (count * voxelBytes) / 4)
  for (let i = 0; i < words.length; i++) words[i] = reversed(words[i]!)
  if (voxelBytes === 8) for (let i = 0; i < words.length; i += 2) [words[i], words[i + 1]] = [words[i + 1]!, words[i]!]
}

function reversed(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)
}

/** Writes one channel of `count` slices from slice `first` on into its volume. */
function spread(
  stored: Stored,
  values: NumericArray,
  form: VoxelForm,
  [channel, first, count]: readonly [number, number, number],
): void {
  const { size, slope, intercept } = form
  const [width, height, depth] = size
  const [perChannel, perI, perJ, perK] = stridesOf(form)
  for (let i = 0; i < width; i++)
    for (let j = 0; j < height; j++) {
      const line = (i * height + j) * depth + first
      let at = channel * perChannel + i * perI + j * perJ
      for (let k = 0; k < count; k++, at += perK) values[line + k] = Number(stored[at]!) * slope + intercept
    }
}

/** Steps along channels, i, j and k within the slices that are read at a time. */
function stridesOf({ size, channels, channelAxis }: VoxelForm): [number, number, number, number] {
  const steps = [0, 0, 0]
  let [step, perChannel] = [1, 0]
  for (let axis = 0; axis < 3; axis++) {
    if (axis === channelAxis) {
      perChannel = step
      step *= channels
    }
    steps[axis] = step
    step *= size[axis]!
  }
  return [perChannel, steps[0]!, steps[1]!, steps[2]!]
}

import { ContractError } from '../util/error.ts'
import { type Shape, sizeOf } from '../util/shape.ts'

export type DType = 'f32' | 'f16' | 'u32'

/** The number types that activations and their gradients may be stored in. */
export type Precision = 'f32' | 'f16'

/**
 * Who owns a tensor's memory and how long it lives.
 * parameter: trained; lies in the flat parameter buffer. gradient: of a parameter; lies in the flat gradient buffer, which is
 * cleared at the start of an accumulation window, so every kernel adds to it. state: kept between steps, not trained.
 * input: written by the host before a step. temporary: lives from its first writer to its last reader inside one step.
 */
export type TensorKind = 'parameter' | 'gradient' | 'state' | 'input' | 'temporary'

/** A symbolic tensor: a name, a shape, an owner. Has no values and no GPU memory; the planner gives it a place. */
export interface Tensor {
  readonly name: string
  readonly shape: Shape
  readonly dtype: DType
  readonly kind: TensorKind
}

/** A contiguous run of a tensor's elements, bound in place of the whole. Its byte offset is a multiple of 256. */
export interface Window {
  readonly tensor: Tensor
  /** elements */
  readonly offset: number
  /** elements */
  readonly length: number
}

/** WebGPU's minStorageBufferOffsetAlignment at its guaranteed value. */
const WINDOW_ALIGNMENT_BYTES = 256

/** The same in elements of 4 bytes. */
export const WINDOW_ALIGNMENT = WINDOW_ALIGNMENT_BYTES / 4

/** The largest element index a kernel may form in u32 arithmetic that is also used as i32. */
const MAX_ELEMENTS = 2 ** 31

export function tensor(name: string, shape: Shape, kind: TensorKind, dtype: DType = 'f32'): Tensor {
  if (shape.some(axis => !Number.isInteger(axis) || axis < 1))
    throw new ContractError(name, 'shape', shape, 'whole axes of at least 1')
  if (sizeOf(shape) >= MAX_ELEMENTS)
    throw new BindingLimitError(`${name} has ${shape.join('×')} elements, kernels count fewer than 2^31`)
  return { name, shape, dtype, kind }
}

export function elementBytes(dtype: DType): 2 | 4 {
  return dtype === 'f16' ? 2 : 4
}

/** Elements that a window's offset is a multiple of. */
export function windowAlignment(dtype: DType): number {
  return WINDOW_ALIGNMENT_BYTES / elementBytes(dtype)
}

/** Bytes that `elements` take in a buffer or a copy, which count in fours. */
export function bytesFor(elements: number, dtype: DType): number {
  return Math.ceil((elements * elementBytes(dtype)) / 4) * 4
}

/** Whether a kernel's argument is a tensor. */
export function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && 'shape' in value && 'dtype' in value && 'kind' in value
}

/** The tensors anywhere in a kernel's arguments, each once. */
export function tensorsOf(value: unknown): Tensor[] {
  if (isTensor(value)) return [value]
  if (typeof value !== 'object' || value === null) return []
  return [...new Set(Object.values(value).flatMap(tensorsOf))]
}

export function bytesOf(t: Tensor): number {
  return bytesFor(sizeOf(t.shape), t.dtype)
}

/** A batch range and channel range of (N, C, ...) tensors: either whole samples, or some channels of one sample. */
export interface Slice {
  sample: number
  samples: number
  channel: number
  channels: number
}

/** A tensor has more elements than kernels can count, or not even one channel of one sample fits a binding of the adapter. */
export class BindingLimitError extends Error {
  override name = 'BindingLimitError'
}

/**
 * Cuts (samples, channels) into the fewest slices such that a tensor of `voxels` per channel fits `maxBytes` per slice:
 * first by samples, then by channels of one sample. The order is fixed, so sums over slices are deterministic.
 * `dtype` is that of the widest tensor that is cut so.
 */
export function slices(
  samples: number,
  channels: number,
  voxels: number,
  maxBytes: number,
  dtype: DType = 'f32',
): Slice[] {
  const channelBytes = voxels * elementBytes(dtype)
  if (channelBytes > maxBytes)
    throw new BindingLimitError(
      `a channel of ${voxels} voxels takes ${channelBytes} bytes, the adapter binds ${maxBytes} at most`,
    )
  const whole = Math.floor(maxBytes / (channelBytes * channels))
  const result: Slice[] = []
  if (whole >= 1) {
    for (let n = 0; n < samples; n += whole)
      result.push({ sample: n, samples: Math.min(whole, samples - n), channel: 0, channels })
    return result
  }
  const part = Math.floor(maxBytes / channelBytes)
  for (let n = 0; n < samples; n++)
    for (let c = 0; c < channels; c += part)
      result.push({ sample: n, samples: 1, channel: c, channels: Math.min(part, channels - c) })
  return result
}

/** The window of a (N, C, ...) tensor that a slice names; the tensor itself when the slice is all of it. */
export function windowOf(t: Tensor, slice: Slice): Tensor | Window {
  const [samples, channels] = t.shape as [number, number]
  if (slice.samples === samples && slice.channels === channels) return t
  const perChannel = sizeOf(t.shape) / (samples * channels)
  const offset = (slice.sample * channels + slice.channel) * perChannel
  const alignment = windowAlignment(t.dtype)
  if (offset % alignment !== 0)
    throw new ContractError(t.name, 'window offset', offset, `a multiple of ${alignment} elements`)
  return { tensor: t, offset, length: slice.samples * slice.channels * perChannel }
}

import { ContractError } from '../util/error.ts'
import { type Shape, sizeOf } from '../util/shape.ts'

export type DType = 'f32' | 'f16' | 'u32'

/** Storage types of activations and their gradients. */
export type Precision = 'f32' | 'f16'

/**
 * A tensor's owner and lifetime.
 * parameter: trained, in the flat parameter buffer. gradient: of a parameter, in the flat gradient buffer; the buffer is cleared
 * before each batch, so every kernel adds to it. state: kept between steps, not trained. input: written by the
 * host before a step. temporary: lives from its first write to its last read within one step.
 */
export type TensorKind = 'parameter' | 'gradient' | 'state' | 'input' | 'temporary'

/** A symbolic tensor: name, shape and owner. It has neither values nor GPU memory until the planner places it. */
export interface Tensor {
  readonly name: string
  readonly shape: Shape
  readonly dtype: DType
  readonly kind: TensorKind
}

/** A contiguous run of a tensor's elements, bound instead of the whole tensor. Its byte offset is a multiple of 256. */
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

/** Kernels use element indices both as u32 and as i32. */
const MAX_ELEMENTS = 2 ** 31

export function tensor(name: string, shape: Shape, kind: TensorKind, dtype: DType = 'f32'): Tensor {
  if (shape.some(axis => !Number.isInteger(axis) || axis < 1))
    throw new ContractError(name, 'shape', shape, 'positive integer axes')
  if (sizeOf(shape) >= MAX_ELEMENTS)
    throw new BindingLimitError(`${name} has ${shape.join('×')} elements, expected fewer than 2^31`)
  return { name, shape, dtype, kind }
}

export function elementBytes(dtype: DType): 2 | 4 {
  return dtype === 'f16' ? 2 : 4
}

/** A window's offset is a multiple of this many elements. */
export function windowAlignment(dtype: DType): number {
  return WINDOW_ALIGNMENT_BYTES / elementBytes(dtype)
}

/** Size in a buffer or a copy: a multiple of 4 bytes. */
export function bytesFor(elements: number, dtype: DType): number {
  return Math.ceil((elements * elementBytes(dtype)) / 4) * 4
}

/** Whether a kernel's argument is a tensor. */
export function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && 'shape' in value && 'dtype' in value && 'kind' in value
}

/** All tensors in a kernel's arguments, without repeats. */
export function tensorsOf(value: unknown): Tensor[] {
  if (isTensor(value)) return [value]
  if (typeof value !== 'object' || value === null) return []
  return [...new Set(Object.values(value).flatMap(tensorsOf))]
}

export function bytesOf(t: Tensor): number {
  return bytesFor(sizeOf(t.shape), t.dtype)
}

/** A range of samples and channels of an (N, C, ...) tensor: whole samples, or some channels of one sample. */
export interface Slice {
  sample: number
  samples: number
  channel: number
  channels: number
}

/** A tensor has too many elements to index, or a single channel of one sample exceeds the binding limit. */
export class BindingLimitError extends Error {
  override name = 'BindingLimitError'
}

/**
 * Cuts (samples, channels) into the fewest slices of at most `maxBytes`, with `voxels` per channel: by samples first, then by
 * channels of one sample. The order is fixed, so sums over slices are deterministic. `dtype` is the widest of the tensors cut.
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
      `a channel of ${voxels} voxels takes ${channelBytes} bytes, the adapter binds at most ${maxBytes}`,
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

/** A slice of an (N, C, ...) tensor as a window; the tensor itself if the slice covers it. */
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

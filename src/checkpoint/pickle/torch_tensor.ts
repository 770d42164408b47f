import { ContractError } from '../../util/error.ts'
import { fromFloat16 } from '../../util/float16.ts'
import { type Shape, sizeOf } from '../../util/shape.ts'

interface TensorOf<Dtype extends string, Data> {
  dtype: Dtype
  /** a 0-d tensor has shape [] */
  shape: Shape
  /** contiguous, the last axis fastest */
  data: Data
}

/** A tensor from a file, in host memory. Reading widens f16 and bf16 to f32, exactly; bool is 0 or 1. */
export type TorchTensor =
  | TensorOf<'f32', Float32Array>
  | TensorOf<'f64', Float64Array>
  | TensorOf<'i64', BigInt64Array>
  | TensorOf<'i32', Int32Array>
  | TensorOf<'u8', Uint8Array>
  | TensorOf<'bool', Uint8Array>

export type Dtype = TorchTensor['dtype']
/** Element types in a file. */
export type ElementType = Dtype | 'f16' | 'bf16'

export const elementBytes: Readonly<Record<ElementType, number>> = {
  f64: 8,
  i64: 8,
  f32: 4,
  i32: 4,
  f16: 2,
  bf16: 2,
  u8: 1,
  bool: 1,
}

type Elements = TorchTensor['data'] | Uint16Array

/** Consecutive elements of one type; for f16 and bf16, `elements` holds the bit patterns. */
export interface Storage {
  type: ElementType
  elements: Elements
}

/** Little-endian bytes of a file as elements, without a copy if they are aligned to the element size. */
export function storageOf(type: ElementType, bytes: Uint8Array): Storage {
  const size = elementBytes[type]
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes)
  return { type, elements: viewOf(type, aligned.buffer, aligned.byteOffset, aligned.byteLength / size) }
}

function viewOf(type: ElementType, buffer: ArrayBufferLike, start: number, length: number): Elements {
  switch (type) {
    case 'f32':
      return new Float32Array(buffer, start, length)
    case 'f64':
      return new Float64Array(buffer, start, length)
    case 'i64':
      return new BigInt64Array(buffer, start, length)
    case 'i32':
      return new Int32Array(buffer, start, length)
    case 'f16':
    case 'bf16':
      return new Uint16Array(buffer, start, length)
    default:
      return new Uint8Array(buffer, start, length)
  }
}

/** A contiguous copy of the elements `offset + Σ index[axis] · strides[axis]`. The caller has checked the bounds. */
export function gather(storage: Storage, offset: number, shape: Shape, strides: readonly number[]): TorchTensor {
  const count = sizeOf(shape)
  const { elements } = storage
  if (isContiguous(shape, strides)) return tensorOf(storage.type, shape, elements.slice(offset, offset + count))
  const picked = elements.slice(0, 0).constructor as new (length: number) => Elements
  const data = new picked(count)
  const index = shape.map(() => 0)
  let source = offset
  for (let target = 0; target < count; target++) {
    data[target] = elements[source]!
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      source += strides[axis]!
      if (++index[axis]! < shape[axis]!) break
      source -= strides[axis]! * shape[axis]!
      index[axis] = 0
    }
  }
  return tensorOf(storage.type, shape, data)
}

function isContiguous(shape: Shape, strides: readonly number[]): boolean {
  let expected = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false
    expected *= shape[axis]!
  }
  return true
}

function tensorOf(type: ElementType, shape: Shape, data: Elements): TorchTensor {
  if (type !== 'f16' && type !== 'bf16') return { dtype: type, shape, data } as TorchTensor
  const bits = data as Uint16Array
  return { dtype: 'f32', shape, data: type === 'f16' ? fromFloat16(bits) : widenBrain(bits) }
}

/** bfloat16 is the upper half of binary32. */
function widenBrain(bits: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(bits, brain => brain << 16).buffer)
}

/** The bytes of the elements, little-endian: every format here is, and so is every host that runs WebGPU. */
export function tensorBytes(tensor: TorchTensor): Uint8Array {
  return new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength)
}

/** Throws ContractError if the data do not have as many elements as the shape: such a tensor would corrupt the file. */
export function checkTensor(tensor: TorchTensor, operation: string): void {
  const count = sizeOf(tensor.shape)
  if (tensor.data.length !== count) {
    throw new ContractError(operation, 'tensor.data.length', tensor.data.length, `${count} for shape [${tensor.shape}]`)
  }
}

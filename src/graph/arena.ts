import { ContractError } from '../util/error.ts'
import { type Shape, sizeOf } from '../util/shape.ts'
import { type DType, type Tensor, type TensorKind, tensor, WINDOW_ALIGNMENT } from './tensor.ts'

/**
 * Tensors that share one buffer, each at a multiple of 64 elements: all parameters, all gradients, the moments. One kernel can
 * process the whole buffer. The padding between tensors stays zero.
 */
export class Arena {
  readonly name: string
  private readonly kind: TensorKind
  private readonly dtype: Exclude<DType, 'f16'>
  private readonly offsets = new Map<Tensor, number>()
  /** elements, padding included */
  length = 0

  constructor(name: string, kind: TensorKind, dtype: Exclude<DType, 'f16'> = 'f32') {
    this.name = name
    this.kind = kind
    this.dtype = dtype
  }

  /** Appends a tensor. */
  add(name: string, shape: Shape): Tensor {
    const added = tensor(name, shape, this.kind, this.dtype)
    this.offsets.set(added, this.length)
    this.length = Math.ceil((this.length + sizeOf(shape)) / WINDOW_ALIGNMENT) * WINDOW_ALIGNMENT
    return added
  }

  /** A second tensor on the memory of `of`, `offset` elements from its start. */
  view(name: string, of: Tensor, shape: Shape, offset = 0): Tensor {
    const start = this.offsetOf(of) + offset
    if (start + sizeOf(shape) > this.length)
      throw new ContractError(name, 'view', shape, `within ${this.length} elements`)
    const viewed = tensor(name, shape, this.kind, this.dtype)
    this.offsets.set(viewed, start)
    return viewed
  }

  /** Elements [start, end) as one flat tensor; the whole arena by default. */
  range(name: string, start = 0, end = this.length): Tensor {
    const flat = tensor(name, [end - start], this.kind, this.dtype)
    this.offsets.set(flat, start)
    return flat
  }

  has(t: Tensor): boolean {
    return this.offsets.has(t)
  }

  /** In elements from the start of the arena. */
  offsetOf(t: Tensor): number {
    const offset = this.offsets.get(t)
    if (offset === undefined) throw new ContractError(this.name, 'tensor', t.name, 'one that was added to this arena')
    return offset
  }
}

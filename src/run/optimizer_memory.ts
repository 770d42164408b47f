import type { Config } from '../config/schema.ts'
import { Arena } from '../graph/arena.ts'
import { type Tensor, tensor } from '../graph/tensor.ts'
import { ModelState } from '../nn/model_state.ts'
import { ContractError } from '../util/error.ts'
import { sizeOf } from '../util/shape.ts'

/** Adam's moments, in the layout of the gradients, its update counts, its learning rate, and the moving average of the model. */
export class OptimizerMemory {
  readonly first = new Arena('first moments', 'state')
  readonly second = new Arena('second moments', 'state')
  /** updates applied, and updates skipped because the gradient was not finite */
  readonly counts: Tensor = tensor('update counts', [2], 'state', 'u32')
  readonly learningRate: Tensor = tensor('learning rate', [1], 'input')
  /** weights and running statistics, averaged over the updates; undefined without an average */
  readonly averaged: ModelState | undefined
  private readonly momentsByName = new Map<string, { first: Tensor; second: Tensor }>()

  constructor(state: ModelState, { ema_decay }: Pick<Config['optimizer'], 'ema_decay'>) {
    this.averaged = ema_decay > 0 ? new ModelState(state.shape) : undefined
    for (const { name, shape } of state.entries.filter(({ role }) => role === 'trained')) {
      this.momentsByName.set(name, {
        first: this.first.add(`m(${name})`, shape),
        second: this.second.add(`v(${name})`, shape),
      })
    }
  }

  get moments(): Arena[] {
    return [this.first, this.second]
  }

  get arenas(): Arena[] {
    return [...this.moments, ...(this.averaged ? [this.averaged.parameters, this.averaged.running] : [])]
  }

  get tensors(): Tensor[] {
    return [this.counts, this.learningRate]
  }

  /** The moments of a trained parameter as views into copies of the two arenas. */
  momentsOf(name: string, first: Float32Array, second: Float32Array): { first: Float32Array; second: Float32Array } {
    const own = this.momentsByName.get(name)
    if (!own) throw new ContractError('optimizer', 'parameter', name, 'one that is trained')
    return { first: cut(this.first, own.first, first), second: cut(this.second, own.second, second) }
  }
}

function cut(arena: Arena, t: Tensor, data: Float32Array): Float32Array {
  return data.subarray(arena.offsetOf(t), arena.offsetOf(t) + sizeOf(t.shape))
}

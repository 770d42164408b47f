import type { Call, Source } from '../graph/kernel.ts'
import type { Tensor } from '../graph/tensor.ts'

/**
 * Which results of a recorded step get no memory of their own: those of kernels that can be deferred to their readers (a batch norm
 * with its ReLU), unless the host reads them. A reader that can loads what the kernel would have loaded and does its work on the way;
 * for any other reader the kernel runs again, into memory that lives as long as that one call.
 */
export class Deferrals {
  private readonly deferred = new Map<Tensor, { call: Call; source: Source }>()
  private readonly calls = new Set<Call>()

  constructor(calls: readonly Call[], outputs: readonly Tensor[]) {
    for (const call of calls) {
      const deferral = call.kernel.defers?.(call.args)
      if (!deferral || outputs.includes(deferral.result)) continue
      this.deferred.set(deferral.result, { call, source: deferral.source })
      this.calls.add(call)
    }
  }

  /** Whether a call is left to the readers of its result. */
  has(call: Call): boolean {
    return this.calls.has(call)
  }

  /** Where to read an activation. */
  source(activation: Tensor): Source {
    return this.deferred.get(activation)?.source ?? { tensor: activation }
  }

  /** The deferred call that makes a tensor; undefined where the tensor has memory. */
  makerOf(t: Tensor): Call | undefined {
    return this.deferred.get(t)?.call
  }
}

import type { Call, Source } from '../graph/kernel.ts'
import type { Tensor } from '../graph/tensor.ts'

/**
 * The results of a recorded step that are never stored: those of kernels that can be deferred to their readers (a batch norm with
 * its ReLU), unless the host reads them. A reader that supports it loads the kernel's input and applies the kernel on load. For
 * any other reader the kernel runs again, into memory whose lifetime is that one call.
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

  /** Whether a call is deferred to the readers of its result. */
  has(call: Call): boolean {
    return this.calls.has(call)
  }

  /** Where to read an activation. */
  source(activation: Tensor): Source {
    return this.deferred.get(activation)?.source ?? { tensor: activation }
  }

  /** The deferred call that computes a tensor; undefined if the tensor has memory. */
  makerOf(t: Tensor): Call | undefined {
    return this.deferred.get(t)?.call
  }
}

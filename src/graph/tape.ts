import { ContractError } from '../util/error.ts'
import { type Shape, sameShape } from '../util/shape.ts'
import type { Call, Kernel } from './kernel.ts'
import { type DType, type Tensor, tensor } from './tensor.ts'

/** Where a gradient thunk writes: into `tensor`, adding to what is there when `accumulate` is set. */
export interface GradientTarget {
  tensor: Tensor
  accumulate: boolean
}

/** Records the kernels that compute d(input) from d(output). Called only if d(input) is needed. */
export type GradientThunk = (dOutput: Tensor, into: GradientTarget) => void

/** The same for all inputs at once, whose gradients share work: a target for each input, undefined where none is needed. */
export type JointGradientThunk = (dOutput: Tensor, into: readonly (GradientTarget | undefined)[]) => void

interface Node {
  output: Tensor
  inputs: readonly Tensor[]
  thunk: JointGradientThunk
  inPlace: Tensor | undefined
  scope: string
}

/**
 * Records a training step once, as a list of kernel calls on symbolic tensors, and walks it backward.
 * An operation creates its output with `temporary`, records its forward kernel with `run`, and tells with `backward` how each
 * input's gradient follows from the output's. No GPU is involved.
 */
export class Tape {
  readonly calls: Call[] = []
  private readonly nodes: Node[] = []
  private readonly wanted = new Set<Tensor>()
  private readonly gradients = new Map<Tensor, Tensor>()
  private scopes: string[] = []

  /** Runs `body` with `name` in front of every label recorded inside, as PyTorch module paths are formed. */
  scope<T>(name: string, body: () => T): T {
    this.scopes.push(name)
    try {
      return body()
    } finally {
      this.scopes.pop()
    }
  }

  temporary(name: string, shape: Shape, dtype: DType = 'f32'): Tensor {
    return tensor([...this.scopes, name].join('.'), shape, 'temporary', dtype)
  }

  run<Args>(kernel: Kernel<Args>, args: Args): void {
    this.calls.push({ label: [...this.scopes, kernel.name].join(' '), kernel: kernel as Kernel<unknown>, args })
  }

  /** Marks a leaf whose gradient is wanted; `into` is where it goes (a 'gradient' tensor is always added to). */
  watch(leaf: Tensor, into: Tensor): void {
    if (!sameShape(leaf.shape, into.shape))
      throw new ContractError(leaf.name, 'gradient shape', into.shape, `${leaf.shape}`)
    this.wanted.add(leaf)
    this.gradients.set(leaf, into)
  }

  /** Declares how `output` depends on `inputs`: one thunk per differentiable input. */
  backward(output: Tensor, inputs: readonly (readonly [Tensor, GradientThunk])[]): void {
    this.backwardJointly(
      output,
      inputs.map(([input]) => input),
      (dOutput, into) => {
        for (const [i, [, thunk]] of inputs.entries()) if (into[i]) thunk(dOutput, into[i])
      },
    )
  }

  /**
   * Declares how `output` depends on `inputs` with one thunk for all of them. The gradient of `inPlace`, which the thunk computes last,
   * may get the memory of the output's gradient: its kernel reads each element before writing it.
   */
  backwardJointly(output: Tensor, inputs: readonly Tensor[], thunk: JointGradientThunk, inPlace?: Tensor): void {
    if (inputs.some(input => this.wanted.has(input))) this.wanted.add(output)
    this.nodes.push({ output, inputs, thunk, inPlace, scope: this.scopes.join('.') })
  }

  /** The gradient tensor of `t` after `differentiate`, or undefined when none reached it. */
  gradientOf(t: Tensor): Tensor | undefined {
    return this.gradients.get(t)
  }

  /** Walks the tape backward from `output`, whose gradient is `seed` (same shape), recording the gradient kernels. */
  differentiate(output: Tensor, seed: Tensor): void {
    const started = new Set<Tensor>()
    /** gradients that only this walk uses */
    const own = new Set<Tensor>()
    this.gradients.set(output, seed)
    started.add(output)
    for (const node of this.nodes.toReversed()) {
      const dOutput = this.gradients.get(node.output)
      if (!dOutput || !started.has(node.output)) continue
      const into = node.inputs.map((input): GradientTarget | undefined => {
        if (!this.wanted.has(input)) return undefined
        const known = this.gradients.get(input)
        const reused = input === node.inPlace && own.has(dOutput) ? dOutput : undefined
        const target = known ?? reused ?? tensor(`d(${input.name})`, input.shape, 'temporary', input.dtype)
        if (!known) {
          own.add(target)
          this.gradients.set(input, target)
        }
        const accumulate = started.has(input) || target.kind === 'gradient'
        started.add(input)
        return { tensor: target, accumulate }
      })
      this.scope(node.scope, () => node.thunk(dOutput, into))
    }
  }
}

import { type Dispatch, type Kernel, kernel } from '../graph/kernel.ts'
import type { GradientTarget, Tape } from '../graph/tape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { ContractError } from '../util/error.ts'
import { sameShape, sizeOf } from '../util/shape.ts'

/**
 * x · Wᵀ + b: x (N, I), weight (O, I), bias (O) → (N, O). For the small layers of the heads: binds every tensor whole.
 * Throws ContractError on mismatched shapes.
 */
export function linear(tape: Tape, x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const [samples, inputs] = x.shape as [number, number]
  const [outputs] = weight.shape as [number]
  if (x.shape.length !== 2) throw new ContractError('linear', 'shape of x', x.shape, '(N, I)')
  if (!sameShape(weight.shape, [outputs, inputs]))
    throw new ContractError('linear', 'shape of the weight', weight.shape, `(O, ${inputs})`)
  if (!sameShape(bias.shape, [outputs]))
    throw new ContractError('linear', 'shape of the bias', bias.shape, `(${outputs})`)
  const y = tape.temporary('linear', [samples, outputs])
  const sizes = { samples, inputs, outputs }
  tape.run(forward, { x, weight, bias, y, sizes })
  tape.backward(y, [
    [x, (dOutput, into) => tape.run(inputGradient, { reads: { d_output: dOutput, weight }, into, sizes })],
    [weight, (dOutput, into) => tape.run(weightGradient, { reads: { d_output: dOutput, x }, into, sizes })],
    [bias, (dOutput, into) => tape.run(biasGradient, { reads: { d_output: dOutput }, into, sizes })],
  ])
  return y
}

type Sizes = Record<'samples' | 'inputs' | 'outputs', number>

interface Forward {
  x: Tensor // (N, I)
  weight: Tensor // (O, I)
  bias: Tensor // (O)
  y: Tensor // (N, O)
  sizes: Sizes
}

const forward = kernel('linear.forward', ({ sizes, ...bindings }: Forward): Dispatch[] => [
  {
    shader: 'linear',
    entry: 'forward',
    bindings,
    params: sizes,
    invocations: sizes.samples * sizes.outputs,
    flops: 2 * sizes.samples * sizes.outputs * sizes.inputs,
  },
])

interface Gradient {
  /** bindings that the entry point reads, by WGSL name */
  reads: Record<string, Tensor>
  into: GradientTarget
  sizes: Sizes
}

/** A gradient that entry point `entry` computes, one element per invocation. */
function gradient(name: string, entry: string): Kernel<Gradient> {
  return kernel(name, ({ reads, into, sizes }): Dispatch[] => [
    {
      shader: 'linear',
      entry,
      bindings: { ...reads, gradient: into.tensor },
      params: sizes,
      constants: { ACCUMULATE: Number(into.accumulate) },
      invocations: sizeOf(into.tensor.shape),
    },
  ])
}

const inputGradient = gradient('linear.inputGradient', 'input_gradient')
const weightGradient = gradient('linear.weightGradient', 'weight_gradient')
const biasGradient = gradient('linear.biasGradient', 'bias_gradient')

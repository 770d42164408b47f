import { type Dispatch, kernel } from '../graph/kernel.ts'
import type { GradientTarget, Tape } from '../graph/tape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { ContractError } from '../util/error.ts'
import { sizeOf } from '../util/shape.ts'
import { runsOf, runWindow } from './runs.ts'

/** Softmax of x over its last axis. Throws ContractError when x has no axis. */
export function softmax(tape: Tape, x: Tensor): Tensor {
  if (x.shape.length === 0) throw new ContractError('softmax', 'shape', x.shape, 'at least one axis')
  const y = tape.temporary('softmax', x.shape)
  tape.run(forward, { x, y })
  tape.backward(y, [[x, (dOutput, into) => tape.run(backward, { y, dOutput, into })]])
  return y
}

const forward = kernel('softmax.forward', ({ x, y }: { x: Tensor; y: Tensor }, { facts }): Dispatch[] => {
  const length = x.shape.at(-1)!
  return runsOf(sizeOf(x.shape), length, facts.maxBindingBytes).map(run => ({
    shader: 'softmax',
    entry: 'forward',
    bindings: { x: runWindow(x, run), y: runWindow(y, run) },
    params: { rows: run.length / length, length },
    invocations: run.length / length,
  }))
})

interface Backward {
  y: Tensor
  dOutput: Tensor
  into: GradientTarget
}

const backward = kernel('softmax.backward', ({ y, dOutput, into }: Backward, { facts }): Dispatch[] => {
  const length = y.shape.at(-1)!
  return runsOf(sizeOf(y.shape), length, facts.maxBindingBytes).map(run => ({
    shader: 'softmax',
    entry: 'backward',
    bindings: { output: runWindow(y, run), d_output: runWindow(dOutput, run), d_input: runWindow(into.tensor, run) },
    params: { rows: run.length / length, length },
    constants: { ACCUMULATE: Number(into.accumulate) },
    invocations: run.length / length,
  }))
})

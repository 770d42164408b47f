import { type Dispatch, type Kernel, kernel } from '../graph/kernel.ts'
import type { GradientTarget, Tape } from '../graph/tape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { sizeOf } from '../util/shape.ts'
import { runsOf, runWindow } from './runs.ts'
import { elementwiseCut, spansOf } from './work.ts'

/** An elementwise function whose derivative follows from its output, so the input need not be kept. */
export interface Elementwise {
  name: string
  forward: Kernel<{ x: Tensor; y: Tensor }>
  backward: Kernel<{ y: Tensor; dOutput: Tensor; into: GradientTarget }>
}

/** The kernels of a function in shaders/elementwise. */
export function elementwise(name: 'relu' | 'sigmoid'): Elementwise {
  const shader = 'elementwise'
  const constants = { SIGMOID: Number(name === 'sigmoid') }
  const forward = kernel(`${name}.forward`, ({ x, y }: { x: Tensor; y: Tensor }, { facts }): Dispatch[] =>
    runsOf(sizeOf(x.shape), 1, facts.maxBindingBytes, x.dtype).map(run => ({
      shader,
      entry: 'forward',
      constants,
      bindings: { x: runWindow(x, run), y: runWindow(y, run) },
      ...spansOf(elementwiseCut(run.length, facts)),
    })),
  )
  const backward: Elementwise['backward'] = kernel(`${name}.backward`, ({ y, dOutput, into }, { facts }): Dispatch[] =>
    runsOf(sizeOf(y.shape), 1, facts.maxBindingBytes, y.dtype).map(run => ({
      shader,
      entry: 'backward',
      bindings: {
        output: runWindow(y, run),
        d_output: runWindow(dOutput, run),
        d_input: runWindow(into.tensor, run),
      },
      constants: { ...constants, ACCUMULATE: Number(into.accumulate) },
      ...spansOf(elementwiseCut(run.length, facts)),
    })),
  )
  return { name, forward, backward }
}

/** Records an elementwise function of x (any shape). */
function applyElementwise(tape: Tape, f: Elementwise, x: Tensor): Tensor {
  const y = tape.temporary(f.name, x.shape, x.dtype)
  tape.run(f.forward, { x, y })
  tape.backward(y, [[x, (dOutput, into) => tape.run(f.backward, { y, dOutput, into })]])
  return y
}

const RELU = elementwise('relu')
const SIGMOID = elementwise('sigmoid')

/** max(0, x) of any shape. The gradient at 0 is 0. */
export function relu(tape: Tape, x: Tensor): Tensor {
  return applyElementwise(tape, RELU, x)
}

/** 1 / (1 + e^−x) of any shape. */
export function sigmoid(tape: Tape, x: Tensor): Tensor {
  return applyElementwise(tape, SIGMOID, x)
}

import { type Dispatch, kernel } from '../graph/kernel.ts'
import type { GradientTarget, Tape } from '../graph/tape.ts'
import { type Precision, type Tensor, windowAlignment } from '../graph/tensor.ts'
import { sizeOf } from '../util/shape.ts'
import { runsOf, runWindow } from './runs.ts'
import { elementwiseCut, spansOf } from './work.ts'

/** x (any shape), stored as `precision`; x itself if it already is. */
export function cast(tape: Tape, x: Tensor, precision: Precision): Tensor {
  if (x.dtype === precision) return x
  const y = tape.temporary(`${precision} ${x.name}`, x.shape, precision)
  tape.run(convert, { from: x, into: { tensor: y, accumulate: false } })
  tape.backward(y, [[x, (dOutput, into) => tape.run(convert, { from: dOutput, into })]])
  return y
}

interface Conversion {
  from: Tensor
  into: GradientTarget
}

const convert = kernel('cast', ({ from, into }: Conversion, { facts }): Dispatch[] =>
  runsOf(sizeOf(from.shape), windowAlignment('f16'), facts.maxBindingBytes).map(run => {
    const [source, target] = [runWindow(from, run), runWindow(into.tensor, run)]
    return {
      shader: 'cast',
      ...(from.dtype === 'f16'
        ? { entry: 'widen', bindings: { short: source, widened: target } }
        : { entry: 'narrow', bindings: { wide: source, narrowed: target } }),
      constants: { ACCUMULATE: Number(into.accumulate) },
      ...spansOf(elementwiseCut(run.length, facts)),
    }
  }),
)

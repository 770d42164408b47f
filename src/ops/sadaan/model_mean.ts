import { type Dispatch, kernel } from '../../graph/kernel.ts'
import type { Tape } from '../../graph/tape.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { ContractError } from '../../util/error.ts'
import { sameShape, sizeOf } from '../../util/shape.ts'
import { runsOf, runWindow } from '../runs.ts'
import { elementwiseCut, spansOf } from '../work.ts'

/** What models of an ensemble that run one after another add to, and how many have done so. */
export interface ModelSum {
  /** as the output that is averaged; the first model overwrites it */
  sum: Tensor
  /** models that have added to it (1) u32 */
  earlier: Tensor
}

/** The mean of an output over this model and those that ran before it. f32, any shape; no gradient. */
export function modelMean(tape: Tape, x: Tensor, to: ModelSum): Tensor {
  return added(tape, x, to, 'mean')
}

/**
 * The logits of the mean of the models' probabilities: positive exactly where the mean of sigmoid(z) is above 0.5, and within ±100.
 * A logit that is not finite stays visible. f32, any shape; no gradient.
 * @param logits z of this model
 */
export function modelMeanLogits(tape: Tape, logits: Tensor, to: ModelSum): Tensor {
  return added(tape, logits, to, 'mean_logits')
}

type Entry = 'mean' | 'mean_logits'

function added(tape: Tape, x: Tensor, to: ModelSum, entry: Entry): Tensor {
  if (!sameShape(x.shape, to.sum.shape)) throw new ContractError(entry, 'sum shape', to.sum.shape, `${x.shape}`)
  const y = tape.temporary(entry, x.shape)
  tape.run(KERNELS[entry], { x, y, to })
  return y
}

const kernelOf = (entry: Entry) =>
  kernel<{ x: Tensor; y: Tensor; to: ModelSum }>(`model_mean.${entry}`, ({ x, y, to }, { facts }): Dispatch[] =>
    runsOf(sizeOf(x.shape), 1, facts.maxBindingBytes).map(run => ({
      shader: 'model_mean',
      entry,
      bindings: { x: runWindow(x, run), sum: runWindow(to.sum, run), earlier: to.earlier, y: runWindow(y, run) },
      ...spansOf(elementwiseCut(run.length, facts)),
    })),
  )

const KERNELS = { mean: kernelOf('mean'), mean_logits: kernelOf('mean_logits') } as const

import { type Dispatch, kernel } from '../graph/kernel.ts'
import type { GradientTarget, Tape } from '../graph/tape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { ContractError } from '../util/error.ts'
import { sizeOf } from '../util/shape.ts'

/** The probability of presence (N, S) of logits (N, S, 2) = (absent, present): the second of their softmax. */
export function presenceProbability(tape: Tape, logits: Tensor): Tensor {
  if (logits.shape.length !== 3 || logits.shape[2] !== 2)
    throw new ContractError('presenceProbability', 'shape', logits.shape, '(N, S, 2)')
  const probability = tape.temporary('presence.probability', logits.shape.slice(0, 2))
  tape.run(forward, { logits, probability })
  tape.backward(probability, [[logits, (dOutput, into) => tape.run(backward, { probability, dOutput, into })]])
  return probability
}

interface Forward {
  logits: Tensor // (N, S, 2)
  probability: Tensor // (N, S)
}

const forward = kernel('presenceProbability.forward', ({ logits, probability }: Forward): Dispatch[] => {
  const pairs = sizeOf(probability.shape)
  return [
    {
      shader: 'presence_probability',
      entry: 'forward',
      bindings: { logits, probability },
      params: { pairs },
      invocations: pairs,
    },
  ]
})

interface Backward {
  probability: Tensor // (N, S)
  dOutput: Tensor // (N, S)
  into: GradientTarget // (N, S, 2)
}

const backward = kernel('presenceProbability.backward', ({ probability, dOutput, into }: Backward): Dispatch[] => {
  const pairs = sizeOf(probability.shape)
  return [
    {
      shader: 'presence_probability',
      entry: 'backward',
      bindings: { output: probability, d_output: dOutput, d_logits: into.tensor },
      params: { pairs },
      constants: { ACCUMULATE: Number(into.accumulate) },
      invocations: pairs,
    },
  ]
})

import { type Dispatch, type Kernel, kernel } from '../../graph/kernel.ts'
import type { GradientTarget, Tape } from '../../graph/tape.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { ContractError } from '../../util/error.ts'
import { sizeOf } from '../../util/shape.ts'
import { checkDropout } from '../dropout.ts'
import { workgroupEach } from '../work.ts'

/** Layout of a structure's six tensors within its row of the block, and the widths of its hidden layers. */
export interface PresenceLayout {
  /** weight and bias of layers 0, 3 and 5 of the state dict, in elements from the start of the row */
  offsets: readonly [number, number, number, number, number, number]
  hidden: readonly [number, number]
}

/** `dropout` is the drop probability in the first hidden layer; `keys` as in `dropout`. */
export type PresenceMode = { training: true; keys: Tensor; dropout: number } | { training: false }

export interface PresenceInputs {
  pooled: Tensor // (N, F)
  alignment: Tensor // (N, S)
  block: Tensor // (S, stride)
  layout: PresenceLayout
}

interface Classifiers extends PresenceInputs {
  mode: PresenceMode
}

/** Tensors that the forward and backward kernels share. */
interface Activations extends Classifiers {
  hidden1: Tensor // (N, S, hidden[0])
  hidden2: Tensor // (N, S, hidden[1])
  logits: Tensor // (N, S, 2)
}

/**
 * The presence classifiers of all S structures at once, one MLP each: [pooled (N, F), alignment[:, s]] → Linear → ReLU → dropout →
 * Linear → ReLU → Linear → logits (N, S, 2) = (absent, present). Row s of `block` (S, stride) holds the tensors of structure s.
 * Throws ContractError on mismatched shapes.
 */
export function presenceMlp(tape: Tape, inputs: PresenceInputs, mode: PresenceMode): Tensor {
  const { pooled, alignment, block, layout } = inputs
  const [samples, structures] = alignment.shape as [number, number]
  if (pooled.shape.length !== 2 || alignment.shape.length !== 2 || pooled.shape[0] !== samples)
    throw new ContractError('presenceMlp', 'shapes', [pooled.shape, alignment.shape], '(N, F) and (N, S)')
  if (block.shape.length !== 2 || block.shape[0] !== structures)
    throw new ContractError('presenceMlp', 'shape of the block', block.shape, `(${structures}, stride)`)
  if (mode.training) checkDropout('presenceMlp', mode.dropout, mode.keys, samples)

  const logits = tape.temporary('logits', [samples, structures, 2])
  const hidden1 = tape.temporary('hidden1', [samples, structures, layout.hidden[0]])
  const hidden2 = tape.temporary('hidden2', [samples, structures, layout.hidden[1]])
  const of = { ...inputs, mode, hidden1, hidden2, logits }
  tape.run(forward, of)
  const deltas = sharedDeltas(tape, of)
  tape.backward(logits, [
    [pooled, (dLogits, into) => tape.run(pooledGradient, { ...deltas(dLogits), into })],
    [alignment, (dLogits, into) => tape.run(alignmentGradient, { ...deltas(dLogits), into })],
    [block, (dLogits, into) => tape.run(blockGradient, { ...deltas(dLogits), into })],
  ])
  return logits
}

/** The size params of both shaders. */
function sizesOf({ pooled, alignment, block, layout }: Classifiers) {
  const [weight0, bias0, weight3, bias3, weight5, bias5] = layout.offsets
  return {
    structures: alignment.shape[1]!,
    features: pooled.shape[1]!,
    hidden: layout.hidden,
    stride: block.shape[1]!,
    weights: [weight0, weight3, weight5],
    biases: [bias0, bias3, bias5],
  }
}

function dropProbability(mode: PresenceMode): number {
  return mode.training ? mode.dropout : 0
}

const forward = kernel('presenceMlp.forward', (of: Activations): Dispatch[] => {
  const { pooled, alignment, block, hidden1, hidden2, logits, mode } = of
  const pairs = sizeOf(alignment.shape)
  const probability = dropProbability(mode)
  const bindings = { pooled, alignment, parameters: block, hidden1, hidden2, logits }
  return [
    {
      shader: 'presence_mlp/forward',
      ...(mode.training && probability > 0
        ? { entry: 'with_dropout', bindings: { ...bindings, keys: mode.keys } }
        : { bindings }),
      params: { pairs, ...sizesOf(of), probability },
      workgroups: workgroupEach(pairs),
    },
  ]
})

/** Gradients before each layer's ReLU. */
interface Deltas extends Activations {
  dLogits: Tensor // (N, S, 2)
  delta1: Tensor // (N, S, hidden[0])
  delta2: Tensor // (N, S, hidden[1])
}

/** Records the backward pass to the first layer once per gradient of the logits. */
function sharedDeltas(tape: Tape, of: Activations): (dLogits: Tensor) => Deltas {
  const recorded = new Map<Tensor, Deltas>()
  return dLogits => {
    let call = recorded.get(dLogits)
    if (!call) {
      const delta1 = tape.temporary('delta1', of.hidden1.shape)
      const delta2 = tape.temporary('delta2', of.hidden2.shape)
      call = { ...of, dLogits, delta1, delta2 }
      recorded.set(dLogits, call)
      tape.run(deltaKernel, call)
    }
    return call
  }
}

function backwardParams(of: Classifiers) {
  return { samples: of.pooled.shape[0]!, ...sizesOf(of), scale: 1 / (1 - dropProbability(of.mode)) }
}

const deltaKernel = kernel('presenceMlp.deltas', (of: Deltas): Dispatch[] => {
  const { block, hidden1, hidden2, dLogits, delta1, delta2 } = of
  return [
    {
      shader: 'presence_mlp/backward',
      entry: 'deltas',
      bindings: { parameters: block, hidden1, hidden2, d_logits: dLogits, delta1, delta2 },
      params: backwardParams(of),
      workgroups: workgroupEach(sizeOf(of.alignment.shape)),
    },
  ]
})

/** A gradient computed from the deltas, one element per invocation. */
function fromDeltas(
  name: string,
  entry: string,
  reads: (of: Deltas) => Record<string, Tensor>,
): Kernel<Deltas & { into: GradientTarget }> {
  return kernel(name, ({ into, ...of }): Dispatch[] => [
    {
      shader: 'presence_mlp/backward',
      entry,
      bindings: { ...reads(of), first_delta: of.delta1, gradient: into.tensor },
      params: backwardParams(of),
      constants: { ACCUMULATE: Number(into.accumulate) },
      invocations: sizeOf(into.tensor.shape),
    },
  ])
}

const pooledGradient = fromDeltas('presenceMlp.pooledGradient', 'pooled_gradient', ({ block }) => ({
  parameters: block,
}))
const alignmentGradient = fromDeltas('presenceMlp.alignmentGradient', 'alignment_gradient', ({ block }) => ({
  parameters: block,
}))
const blockGradient = fromDeltas('presenceMlp.blockGradient', 'block_gradient', of => {
  const { pooled, alignment, hidden1, hidden2, delta2, dLogits } = of
  return { pooled, alignment, hidden1, hidden2, second_delta: delta2, d_logits: dLogits }
})

/** The probability of presence (N, S) from logits (N, S, 2) = (absent, present): the second component of their softmax. */
export function presenceProbability(tape: Tape, logits: Tensor): Tensor {
  if (logits.shape.length !== 3 || logits.shape[2] !== 2)
    throw new ContractError('presenceProbability', 'shape', logits.shape, '(N, S, 2)')
  const probability = tape.temporary('probability', logits.shape.slice(0, 2))
  const pairs = sizeOf(probability.shape)
  tape.run(probabilityForward, { logits, probability, pairs })
  tape.backward(probability, [
    [logits, (dOutput, into) => tape.run(probabilityBackward, { probability, dOutput, into, pairs })],
  ])
  return probability
}

interface ProbabilityForward {
  logits: Tensor // (N, S, 2)
  probability: Tensor // (N, S)
  pairs: number
}

const probabilityForward = kernel(
  'presenceProbability.forward',
  ({ pairs, ...bindings }: ProbabilityForward): Dispatch[] => [
    { shader: 'presence_probability', entry: 'forward', bindings, params: { pairs }, invocations: pairs },
  ],
)

interface ProbabilityBackward {
  probability: Tensor // (N, S)
  dOutput: Tensor // (N, S)
  into: GradientTarget // (N, S, 2)
  pairs: number
}

const probabilityBackward = kernel(
  'presenceProbability.backward',
  ({ probability, dOutput, into, pairs }: ProbabilityBackward): Dispatch[] => [
    {
      shader: 'presence_probability',
      entry: 'backward',
      bindings: { output: probability, d_output: dOutput, d_logits: into.tensor },
      params: { pairs },
      constants: { ACCUMULATE: Number(into.accumulate) },
      invocations: pairs,
    },
  ],
)

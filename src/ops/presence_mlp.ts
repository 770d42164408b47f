import { type Dispatch, type Kernel, kernel } from '../graph/kernel.ts'
import type { GradientTarget, Tape } from '../graph/tape.ts'
import { type Tensor, WINDOW_ALIGNMENT } from '../graph/tensor.ts'
import { ContractError } from '../util/error.ts'
import { sameShape, sizeOf } from '../util/shape.ts'
import { checkDropout, type Dropout } from './dropout.ts'
import { workgroupEach } from './span.ts'

/** Where one structure's six tensors lie within its part of the block. */
export interface PresenceLayout {
  /** of 0.weight, 0.bias, 3.weight, 3.bias, 5.weight, 5.bias; elements from the structure's start */
  offsets: readonly [number, number, number, number, number, number]
}

/** Widths of the two hidden layers. */
export type Hidden = readonly [number, number]

/** Shapes of a classifier's six tensors over F features and the alignment, in the order of the state_dict. */
export function presenceShapes(features: number, hidden: Hidden): readonly number[][] {
  return [[hidden[0], features + 1], [hidden[0]], [hidden[1], hidden[0]], [hidden[1]], [2, hidden[1]], [2]]
}

/** The layout of tensors that lie one after another, each where a window may begin, and the elements to the next structure. */
export function presenceLayout(features: number, hidden: Hidden): PresenceLayout & { stride: number } {
  let stride = 0
  const offsets = presenceShapes(features, hidden).map(shape => {
    const offset = stride
    stride += Math.ceil(sizeOf(shape) / WINDOW_ALIGNMENT) * WINDOW_ALIGNMENT
    return offset
  })
  return { offsets: offsets as unknown as PresenceLayout['offsets'], stride }
}

interface Classifiers {
  pooled: Tensor // (N, F)
  alignment: Tensor // (N, S)
  block: Tensor // (S, stride)
  layout: PresenceLayout
  hidden: Hidden
  keys: Tensor // (N, 4)
  dropout: Dropout
}

/** What the backward kernels share with the forward one. */
interface Activations extends Classifiers {
  hidden1: Tensor // (N, S, hidden[0])
  hidden2: Tensor // (N, S, hidden[1])
  logits: Tensor // (N, S, 2)
}

/**
 * The presence classifiers of all S structures at once, one MLP each: [pooled (N, F), alignment[:, s]] → hidden[0] → ReLU →
 * dropout → hidden[1] → ReLU → 2 logits (absent, present), together (N, S, 2). `block` (S, stride) holds structure s's tensors in
 * row s, where `layout` says. Throws ContractError when shapes disagree.
 */
export function presenceMlp(
  tape: Tape,
  pooled: Tensor,
  alignment: Tensor,
  block: Tensor,
  layout: PresenceLayout,
  hidden: Hidden,
  keys: Tensor,
  dropout: Dropout,
): { logits: Tensor } {
  const [samples, structures] = alignment.shape as [number, number]
  if (pooled.shape.length !== 2 || alignment.shape.length !== 2 || pooled.shape[0] !== samples)
    throw new ContractError('presenceMlp', 'shapes', [pooled.shape, alignment.shape], '(N, F) and (N, S)')
  if (block.shape.length !== 2 || block.shape[0] !== structures)
    throw new ContractError('presenceMlp', 'shape of the block', block.shape, `(${structures}, stride)`)
  checkDropout('presenceMlp', dropout, keys, samples)

  const logits = tape.temporary('presence.logits', [samples, structures, 2])
  const hidden1 = tape.temporary('presence.hidden1', [samples, structures, hidden[0]])
  const hidden2 = tape.temporary('presence.hidden2', [samples, structures, hidden[1]])
  const of = { pooled, alignment, block, layout, hidden, keys, dropout, hidden1, hidden2, logits }
  tape.run(forward, of)
  const deltas = sharedDeltas(tape, of)
  tape.backward(logits, [
    [pooled, (dOutput, into) => tape.run(pooledGradient, { ...deltas(dOutput), into })],
    [alignment, (dOutput, into) => tape.run(alignmentGradient, { ...deltas(dOutput), into })],
    [block, (dOutput, into) => tape.run(blockGradient, { ...deltas(dOutput), into })],
  ])
  return { logits }
}

function drops({ probability, training }: Dropout): boolean {
  return training && probability > 0
}

function sizesOf({ pooled, alignment, block, layout, hidden }: Classifiers) {
  const [weight0, bias0, weight3, bias3, weight5, bias5] = layout.offsets
  const [samples, structures] = alignment.shape as [number, number]
  return {
    samples,
    structures,
    features: pooled.shape[1]!,
    hidden,
    stride: block.shape[1]!,
    weights: [weight0, weight3, weight5],
    biases: [bias0, bias3, bias5],
  }
}

const forward = kernel('presenceMlp.forward', (of: Activations): Dispatch[] => {
  const { pooled, alignment, block, keys, hidden1, hidden2, logits, dropout } = of
  const { samples, ...sizes } = sizesOf(of)
  const pairs = samples * sizes.structures
  return [
    {
      shader: 'presence_mlp/forward',
      bindings: { pooled, alignment, block, keys, hidden1, hidden2, logits },
      params: { pairs, ...sizes, layer: dropout.layer, probability: dropout.probability },
      constants: { DROPOUT: Number(drops(dropout)) },
      workgroups: workgroupEach(pairs),
    },
  ]
})

/** Gradients in front of each layer's ReLU. */
interface Deltas extends Activations {
  dLogits: Tensor // (N, S, 2)
  delta1: Tensor // (N, S, hidden[0])
  delta2: Tensor // (N, S, hidden[1])
}

/** Records the walk back to the first layer once for each gradient of the logits. */
function sharedDeltas(tape: Tape, of: Activations): (dLogits: Tensor) => Deltas {
  const recorded = new Map<Tensor, Deltas>()
  return dLogits => {
    let call = recorded.get(dLogits)
    if (!call) {
      const delta1 = tape.temporary('presence.delta1', of.hidden1.shape)
      const delta2 = tape.temporary('presence.delta2', of.hidden2.shape)
      call = { ...of, dLogits, delta1, delta2 }
      recorded.set(dLogits, call)
      tape.run(deltaKernel, call)
    }
    return call
  }
}

function backwardParams(of: Classifiers) {
  return { ...sizesOf(of), scale: drops(of.dropout) ? 1 / (1 - of.dropout.probability) : 1 }
}

const deltaKernel = kernel('presenceMlp.deltas', (of: Deltas): Dispatch[] => {
  const { block, hidden1, hidden2, dLogits, delta1, delta2 } = of
  return [
    {
      shader: 'presence_mlp/backward',
      entry: 'deltas',
      bindings: { block, hidden1, hidden2, d_logits: dLogits, delta1, delta2 },
      params: backwardParams(of),
      workgroups: workgroupEach(sizeOf(of.alignment.shape)),
    },
  ]
})

/** A gradient that follows from the deltas, one number an invocation. */
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

const pooledGradient = fromDeltas('presenceMlp.pooledGradient', 'pooled_gradient', ({ block }) => ({ block }))
const alignmentGradient = fromDeltas('presenceMlp.alignmentGradient', 'alignment_gradient', ({ block }) => ({ block }))
const blockGradient = fromDeltas('presenceMlp.blockGradient', 'block_gradient', of => {
  const { pooled, alignment, hidden1, hidden2, delta2, dLogits } = of
  return { pooled, alignment, hidden1, hidden2, second_delta: delta2, d_logits: dLogits }
})

import { kernel } from '../../graph/kernel.ts'
import type { GradientTarget, Tape } from '../../graph/tape.ts'
import { type Tensor, type Window, windowOf } from '../../graph/tensor.ts'
import { ContractError } from '../../util/error.ts'
import { sameShape } from '../../util/shape.ts'
import { type PairSlice, pairCut, pairSlices, pairSpans, structurePairs } from '../runs.ts'
import { gridInvocations, sumRows } from '../work.ts'

/**
 * Attention maps A = sigmoid(logits) · sigmoid(priors).
 * @param logits (N, S, H, W, D), f32 or f16
 * @param priors (S, H, W, D), one map of position embeddings per structure, shared by all samples
 * @returns (N, S, H, W, D), f32: the cross-entropy needs finer steps near 1 than f16 has
 */
export function attentionMaps(tape: Tape, logits: Tensor, priors: Tensor): Tensor {
  if (!sameShape(logits.shape.slice(1), priors.shape))
    throw new ContractError('attentionMaps', 'priors shape', priors.shape, `${logits.shape.slice(1)}`)
  const attention = tape.temporary('attention', logits.shape)
  tape.run(mapsForward, { logits, priors, attention })
  tape.backward(attention, [
    [logits, (dAttention, into) => tape.run(mapsLogitsBackward, { dAttention, attention, logits, into })],
    [priors, (dAttention, into) => tape.run(mapsPriorsBackward, { dAttention, attention, priors, into })],
  ])
  return attention
}

/** The priors of a slice's structures. */
function priorsOf(priors: Tensor, slice: PairSlice): Tensor | Window {
  const voxels = slice.elements / slice.pairs
  if (slice.channels === priors.shape[0]) return priors
  return { tensor: priors, offset: slice.channel * voxels, length: slice.channels * voxels }
}

const mapsForward = kernel<{ logits: Tensor; priors: Tensor; attention: Tensor }>(
  'attention_maps.forward',
  ({ logits, priors, attention }, { facts }) =>
    pairSlices(structurePairs(logits.shape, 'attentionMaps'), facts).map(slice => ({
      shader: 'attention/maps',
      bindings: {
        logits: windowOf(logits, slice),
        priors: priorsOf(priors, slice),
        attention: windowOf(attention, slice),
      },
      params: { elements: slice.elements, prior_elements: slice.elements / slice.samples },
      invocations: gridInvocations(slice.elements),
    })),
)

const mapsLogitsBackward = kernel<{ dAttention: Tensor; attention: Tensor; logits: Tensor; into: GradientTarget }>(
  'attention_maps.backward_logits',
  ({ dAttention, attention, logits, into }, { facts }) =>
    pairSlices(structurePairs(logits.shape, 'attentionMaps'), facts).map(slice => ({
      shader: 'attention/maps_backward',
      entry: 'to_logits',
      bindings: {
        d_attention: windowOf(dAttention, slice),
        attention: windowOf(attention, slice),
        logits: windowOf(logits, slice),
        d_logits: windowOf(into.tensor, slice),
      },
      params: { elements: slice.elements, samples: 1 },
      constants: { ACCUMULATE: Number(into.accumulate) },
      invocations: gridInvocations(slice.elements),
    })),
)

const mapsPriorsBackward = kernel<{ dAttention: Tensor; attention: Tensor; priors: Tensor; into: GradientTarget }>(
  'attention_maps.backward_priors',
  ({ dAttention, attention, priors, into }, { facts }) =>
    pairSlices(structurePairs(attention.shape, 'attentionMaps'), facts).map(slice => ({
      shader: 'attention/maps_backward',
      entry: 'to_priors',
      bindings: {
        d_attention: windowOf(dAttention, slice),
        attention: windowOf(attention, slice),
        priors: priorsOf(priors, slice),
        d_priors: priorsOf(into.tensor, slice),
      },
      params: { elements: slice.elements / slice.samples, samples: slice.samples },
      // Later samples accumulate.
      constants: { ACCUMULATE: Number(into.accumulate || slice.sample > 0) },
      invocations: gridInvocations(slice.elements / slice.samples),
    })),
)

/**
 * Alignment of attention and feature response: the mean over voxels of A · sigmoid(R).
 * @param attention A (N, S, H, W, D)
 * @param response R (N, S, H, W, D), logits, f32 or f16
 * @returns (N, S)
 */
export function alignment(tape: Tape, attention: Tensor, response: Tensor): Tensor {
  if (!sameShape(attention.shape, response.shape))
    throw new ContractError('alignment', 'response shape', response.shape, `${attention.shape}`)
  const { samples, structures } = structurePairs(attention.shape, 'alignment')
  const score = tape.temporary('alignment', [samples, structures])
  tape.run(alignmentForward, { attention, response, score })
  tape.backward(score, [
    [attention, (dScore, into) => tape.run(alignmentBackward, { dScore, response, into })],
    [response, (dScore, into) => tape.run(alignmentBackward, { dScore, attention, response, into })],
  ])
  return score
}

const alignmentForward = kernel<{ attention: Tensor; response: Tensor; score: Tensor }>(
  'alignment.forward',
  ({ attention, response, score }, { facts, scratch }) => {
    const all = structurePairs(attention.shape, 'alignment')
    const rows = all.samples * all.structures
    const cut = pairCut(all.voxels)
    const partials = scratch('partials', [rows, cut[3]])
    const sums = pairSlices(all, facts).map(slice => ({
      shader: 'attention/alignment',
      bindings: { attention: windowOf(attention, slice), response: windowOf(response, slice), partials },
      ...pairSpans(cut, all, slice),
    }))
    return [...sums, sumRows(partials, score, { rows, length: cut[3], scale: 1 / all.voxels })]
  },
)

/** The gradient with respect to R if `attention` is given; otherwise with respect to A, which does not depend on A. */
const alignmentBackward = kernel<{ dScore: Tensor; attention?: Tensor; response: Tensor; into: GradientTarget }>(
  'alignment.backward',
  ({ dScore, attention, response, into }, { facts }) => {
    const all = structurePairs(response.shape, 'alignment')
    return pairSlices(all, facts).map(slice => ({
      shader: 'attention/alignment_backward',
      entry: attention ? 'to_response' : 'to_attention',
      bindings: {
        d_alignment: dScore,
        ...(attention && { attention: windowOf(attention, slice) }),
        response: windowOf(response, slice),
        [attention ? 'd_response' : 'd_attention']: windowOf(into.tensor, slice),
      },
      params: { elements: slice.elements, first_pair: slice.firstPair, voxels: all.voxels },
      constants: { ACCUMULATE: Number(into.accumulate) },
      invocations: gridInvocations(slice.elements),
    }))
  },
)

import { kernel } from '../../graph/kernel.ts'
import type { GradientTarget, Tape } from '../../graph/tape.ts'
import { type Tensor, windowOf } from '../../graph/tensor.ts'
import { ContractError } from '../../util/error.ts'
import { sameShape } from '../../util/shape.ts'
import { pairCut, pairSlices, pairSpans, structurePairs } from '../runs.ts'
import { gridInvocations, sumRows } from '../work.ts'

/**
 * Segmentation logits z = A · u + b. A scales all features of a voxel alike, so w · (r ⊙ A) + b = A · (w · r) + b, and the refined
 * features r need not be copied for each structure.
 * @param attention A (N, S, H, W, D)
 * @param response u = w · r without bias (N, S, H, W, D), f32 or f16
 * @param bias (S)
 * @returns (N, S, H, W, D), f32 for the losses
 */
export function gatedLogits(tape: Tape, attention: Tensor, response: Tensor, bias: Tensor): Tensor {
  if (!sameShape(attention.shape, response.shape))
    throw new ContractError('gatedLogits', 'response shape', response.shape, `${attention.shape}`)
  if (!sameShape(bias.shape, [attention.shape[1]!]))
    throw new ContractError('gatedLogits', 'bias shape', bias.shape, `(${attention.shape[1]})`)
  const logits = tape.temporary('logits', attention.shape)
  tape.run(forward, { attention, response, bias, logits })
  tape.backward(logits, [
    [attention, (dLogits, into) => tape.run(factorBackward, { dLogits, factor: { response }, into })],
    [response, (dLogits, into) => tape.run(factorBackward, { dLogits, factor: { attention }, into })],
    [bias, (dLogits, into) => tape.run(biasBackward, { dLogits, into })],
  ])
  return logits
}

const forward = kernel<{ attention: Tensor; response: Tensor; bias: Tensor; logits: Tensor }>(
  'gated_logits.forward',
  ({ attention, response, bias, logits }, { facts }) => {
    const all = structurePairs(logits.shape, 'gatedLogits')
    return pairSlices(all, facts).map(slice => ({
      shader: 'gated_logits/forward',
      bindings: {
        attention: windowOf(attention, slice),
        response: windowOf(response, slice),
        bias,
        logits: windowOf(logits, slice),
      },
      params: {
        elements: slice.elements,
        first_pair: slice.firstPair,
        voxels: all.voxels,
        structures: all.structures,
      },
      invocations: gridInvocations(slice.elements),
    }))
  },
)

/** The gradient with respect to one factor of A · u, given the other. */
const factorBackward = kernel<{
  dLogits: Tensor
  factor: { attention: Tensor } | { response: Tensor }
  into: GradientTarget
}>('gated_logits.backward_factor', ({ dLogits, factor, into }, { facts }) =>
  pairSlices(structurePairs(dLogits.shape, 'gatedLogits'), facts).map(slice => ({
    shader: 'gated_logits/factor_backward',
    ...('response' in factor
      ? {
          entry: 'to_attention',
          bindings: {
            d_logits: windowOf(dLogits, slice),
            response: windowOf(factor.response, slice),
            d_attention: windowOf(into.tensor, slice),
          },
        }
      : {
          entry: 'to_response',
          bindings: {
            d_logits: windowOf(dLogits, slice),
            attention: windowOf(factor.attention, slice),
            d_response: windowOf(into.tensor, slice),
          },
        }),
    params: { elements: slice.elements },
    constants: { ACCUMULATE: Number(into.accumulate) },
    invocations: gridInvocations(slice.elements),
  })),
)

const biasBackward = kernel<{ dLogits: Tensor; into: GradientTarget }>(
  'gated_logits.backward_bias',
  ({ dLogits, into }, { facts, scratch }) => {
    const all = structurePairs(dLogits.shape, 'gatedLogits')
    const { samples, structures, voxels } = all
    const cut = pairCut(voxels)
    const partials = scratch('partials', [structures, samples, cut[3]])
    const sums = pairSlices(all, facts).map(slice => {
      const { params, invocations } = pairSpans(cut, all, slice)
      return {
        shader: 'gated_logits/bias_partials',
        bindings: { d_logits: windowOf(dLogits, slice), partials },
        params: { ...params, samples },
        invocations,
      }
    })
    const { tensor, accumulate } = into
    return [...sums, sumRows(partials, tensor, { rows: structures, length: samples * cut[3], accumulate })]
  },
)

import { kernel } from '../graph/kernel.ts'
import type { GradientTarget, Tape } from '../graph/tape.ts'
import { type Tensor, windowOf } from '../graph/tensor.ts'
import { pairCut, pairSlices, pairSpans, structurePairs } from '../ops/runs.ts'
import { gridInvocations, sumRows } from '../ops/work.ts'
import { ContractError } from '../util/error.ts'
import { type Shape, sameShape } from '../util/shape.ts'

/** The loss terms in the order of the tensor `terms`, whose last element is their weighted total. */
export const LOSS_TERMS = [
  'segmentation',
  'dice',
  'focal_seg',
  'absence',
  'attention_supervision',
  'false_positive_suppression',
  'confidence',
] as const

export type LossTerm = (typeof LOSS_TERMS)[number]

/**
 * Sums over a pair's voxels, in the order of the last axis of `pairs`. z is the logit, p = sigmoid(z), m the mask:
 * BCE(z, m), p·m, p, m, focal loss, BCE(A, m), [p > 0.5]·m, [p > 0.5].
 */
export const PAIR_SUMS = [
  'crossEntropy',
  'overlap',
  'probability',
  'mask',
  'focal',
  'attentionCrossEntropy',
  'hardOverlap',
  'hardProbability',
] as const

export interface LossInputs {
  /** z (N, S, H, W, D) */
  logits: Tensor
  /** A in [0, 1] (N, S, H, W, D) */
  attention: Tensor
  /** q (N, S) */
  presenceProbability: Tensor
  /** u32 (N, S, V/32), bit j of word i is voxel 32·i + j */
  maskBits: Tensor
  /** 1 present, 0 absent, −1 unknown (N, S) */
  presence: Tensor
}

export interface Loss {
  /** Σ weight · term (1); the output to differentiate */
  total: Tensor
  /** LOSS_TERMS, unweighted, then the total (8) */
  terms: Tensor
  /** PAIR_SUMS of every pair, unknown ones included (N, S, 8) */
  pairs: Tensor
}

/** Voxel counts must be a multiple of this, so that chunks are whole words of mask bits. */
const VOXEL_MULTIPLE = 4096

/** Gradient factors per pair, in the order of loss/terms.wgsl. */
const COEFFICIENTS = 6

/**
 * SADAAN's loss: seven terms over (sample, structure) pairs, P the present, N the absent, B·S the known ones, V voxels, ε = 1e-6:
 * segmentation 1/|P| Σ_P mean BCE(z, m); dice 1/|P| Σ_P 1 − (2Σpm + ε)/(Σp + Σm + ε); focal_seg 1/|P| Σ_P mean α(1 − pt)²·BCE with
 * α = 0.25; absence 1/(B·S) Σ BCE(q, y); attention_supervision 1/(B·S) Σ_P mean BCE(A, m); false_positive_suppression
 * 1/|N| Σ_N mean p; confidence 1/(B·S) Σ (q − 0.5)² where q is on the wrong side of 0.5. No term counts unknown pairs; the mean over an
 * empty set is 0; logarithms of probabilities are clamped at −100. The gradient of `total` can be any number, e.g. 1/(batches per window).
 */
export function sadaanLoss(tape: Tape, inputs: LossInputs, weights: Readonly<Record<LossTerm, number>>): Loss {
  checkShapes(inputs)
  const { samples, structures } = structurePairs(inputs.logits.shape, 'sadaanLoss')
  const loss = {
    total: tape.temporary('total', [1]),
    terms: tape.temporary('terms', [LOSS_TERMS.length + 1]),
    pairs: tape.temporary('pairs', [samples, structures, PAIR_SUMS.length]),
  }
  const coefficients = tape.temporary('coefficients', [samples, structures, COEFFICIENTS])
  tape.run(sums, { inputs, pairs: loss.pairs })
  tape.run(terms, { inputs, loss, coefficients, weights })
  const { logits, attention, presenceProbability, maskBits } = inputs
  tape.backward(loss.total, [
    [
      logits,
      (dTotal, into) =>
        tape.run(voxelBackward, { entry: 'to_logits', input: logits, maskBits, dTotal, coefficients, into }),
    ],
    [
      attention,
      (dTotal, into) =>
        tape.run(voxelBackward, { entry: 'to_attention', input: attention, maskBits, dTotal, coefficients, into }),
    ],
    [presenceProbability, (dTotal, into) => tape.run(probabilityBackward, { dTotal, coefficients, into })],
  ])
  return loss
}

function checkShapes({ logits, attention, presenceProbability, maskBits, presence }: LossInputs): void {
  const { samples, structures, voxels } = structurePairs(logits.shape, 'sadaanLoss')
  const expect = (argument: string, actual: Shape, expected: Shape) => {
    if (!sameShape(actual, expected))
      throw new ContractError('sadaanLoss', `${argument} shape`, actual, `(${expected.join(', ')})`)
  }
  if (voxels % VOXEL_MULTIPLE !== 0)
    throw new ContractError('sadaanLoss', 'voxels', voxels, `a multiple of ${VOXEL_MULTIPLE}`)
  expect('attention', attention.shape, logits.shape)
  expect('presenceProbability', presenceProbability.shape, [samples, structures])
  expect('maskBits', maskBits.shape, [samples, structures, voxels / 32])
  expect('presence', presence.shape, [samples, structures])
}

const sums = kernel<{ inputs: LossInputs; pairs: Tensor }>(
  'sadaan_loss.sums',
  ({ inputs, pairs }, { facts, scratch }) => {
    const all = structurePairs(inputs.logits.shape, 'sadaanLoss')
    const rows = all.samples * all.structures * PAIR_SUMS.length
    const cut = pairCut(all.voxels)
    const partials = scratch('partials', [rows, cut[3]])
    const stage = pairSlices(all, facts).map(slice => ({
      shader: 'loss/sums',
      bindings: {
        logits: windowOf(inputs.logits, slice),
        attention: windowOf(inputs.attention, slice),
        mask: windowOf(inputs.maskBits, slice),
        partials,
      },
      ...pairSpans(cut, all, slice),
    }))
    return [...stage, sumRows(partials, pairs, { rows, length: cut[3] })]
  },
)

interface Terms {
  inputs: LossInputs
  loss: Loss
  coefficients: Tensor
  weights: Readonly<Record<LossTerm, number>>
}

const terms = kernel<Terms>('sadaan_loss.terms', ({ inputs, loss, coefficients, weights }) => {
  const { samples, structures, voxels } = structurePairs(inputs.logits.shape, 'sadaanLoss')
  return [
    {
      shader: 'loss/terms',
      bindings: {
        sums: loss.pairs,
        presence_probability: inputs.presenceProbability,
        presence: inputs.presence,
        terms: loss.terms,
        total: loss.total,
        coefficients,
      },
      params: {
        pairs: samples * structures,
        voxels,
        ...Object.fromEntries(LOSS_TERMS.map(term => [term, weights[term]])),
      },
      invocations: 1,
    },
  ]
})

interface VoxelBackward {
  entry: 'to_logits' | 'to_attention'
  /** the tensor to differentiate with respect to */
  input: Tensor
  maskBits: Tensor
  dTotal: Tensor
  coefficients: Tensor
  into: GradientTarget
}

const voxelBackward = kernel<VoxelBackward>(
  'sadaan_loss.backward_voxels',
  ({ entry, input, maskBits, dTotal, coefficients, into }, { facts }) => {
    const all = structurePairs(input.shape, 'sadaanLoss')
    return pairSlices(all, facts).map(slice => ({
      shader: 'loss/backward',
      entry,
      bindings: {
        d_total: dTotal,
        coefficients,
        input: windowOf(input, slice),
        mask: windowOf(maskBits, slice),
        gradient: windowOf(into.tensor, slice),
      },
      params: { elements: slice.elements, first_pair: slice.firstPair, voxels: all.voxels },
      constants: { ACCUMULATE: Number(into.accumulate) },
      invocations: gridInvocations(slice.elements),
    }))
  },
)

const probabilityBackward = kernel<{ dTotal: Tensor; coefficients: Tensor; into: GradientTarget }>(
  'sadaan_loss.backward_probability',
  ({ dTotal, coefficients, into }) => {
    const [samples, structures] = coefficients.shape as [number, number]
    const elements = samples * structures
    return [
      {
        shader: 'loss/backward',
        entry: 'to_presence_probability',
        bindings: { d_total: dTotal, coefficients, gradient: into.tensor },
        params: { elements, first_pair: 0, voxels: 1 },
        constants: { ACCUMULATE: Number(into.accumulate) },
        invocations: gridInvocations(elements),
      },
    ]
  },
)

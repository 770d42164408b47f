import { kernel } from '../../graph/kernel.ts'
import type { GradientTarget, Tape } from '../../graph/tape.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { ContractError } from '../../util/error.ts'
import { sizeOf } from '../../util/shape.ts'
import { sumRows } from '../work.ts'

const TAPS = 27

interface Weights {
  /** W (O, F, 3, 3, 3) */
  weight: Tensor
  /** Fw (F, C, 1, 1, 1) */
  finalWeight: Tensor
  /** fb (F) */
  finalBias: Tensor
}

/**
 * The weight of a 3³ convolution over the final features Fw · x + fb, rewritten as a convolution over (x, ones). Both are linear, and
 * the channel of ones keeps the zero padding exact. W'[o,i,k] = Σ_c W[o,c,k]·Fw[c,i]; W'[o,C,k] = Σ_c W[o,c,k]·fb[c].
 * @param weight W (O, F, 3, 3, 3)
 * @param finalWeight Fw (F, C, 1, 1, 1)
 * @param finalBias fb (F)
 * @returns W' (O, C + 1, 3, 3, 3), with the channel of ones last
 */
export function mergeHeadWeights(tape: Tape, weight: Tensor, finalWeight: Tensor, finalBias: Tensor): Tensor {
  const [outputs, features] = weight.shape as [number, number]
  const channels = finalWeight.shape[1] ?? 0
  if (sizeOf(weight.shape) !== outputs * features * TAPS)
    throw new ContractError('mergeHeadWeights', 'weight shape', weight.shape, '(O, F, 3, 3, 3)')
  if (sizeOf(finalWeight.shape) !== features * channels)
    throw new ContractError('mergeHeadWeights', 'finalWeight shape', finalWeight.shape, `(${features}, C, 1, 1, 1)`)
  if (sizeOf(finalBias.shape) !== features)
    throw new ContractError('mergeHeadWeights', 'finalBias shape', finalBias.shape, `(${features})`)
  const merged = tape.temporary('merged_weight', [outputs, channels + 1, 3, 3, 3])
  const weights = { weight, finalWeight, finalBias }
  tape.run(forward, { ...weights, merged })
  tape.backward(merged, [
    [weight, (dMerged, into) => tape.run(weightBackward, { ...weights, dMerged, into })],
    [finalWeight, (dMerged, into) => tape.run(finalBackward, { weight, dMerged, firstChannel: 0, channels, into })],
    [
      finalBias,
      (dMerged, into) => tape.run(finalBackward, { weight, dMerged, firstChannel: channels, channels: 1, into }),
    ],
  ])
  return merged
}

function sizesOf({ weight, finalWeight }: Weights): { outputs: number; features: number; channels: number } {
  const [outputs, features] = weight.shape as [number, number]
  return { outputs, features, channels: finalWeight.shape[1]! }
}

const forward = kernel<Weights & { merged: Tensor }>('merged_head.forward', args => [
  {
    shader: 'merged_head/forward',
    bindings: {
      weight: args.weight,
      final_weight: args.finalWeight,
      final_bias: args.finalBias,
      merged: args.merged,
    },
    params: sizesOf(args),
    invocations: sizeOf(args.merged.shape),
  },
])

const weightBackward = kernel<Weights & { dMerged: Tensor; into: GradientTarget }>(
  'merged_head.backward_weight',
  args => [
    {
      shader: 'merged_head/weight_backward',
      bindings: {
        d_merged: args.dMerged,
        final_weight: args.finalWeight,
        final_bias: args.finalBias,
        gradient: args.into.tensor,
      },
      params: sizesOf(args),
      constants: { ACCUMULATE: Number(args.into.accumulate) },
      invocations: sizeOf(args.weight.shape),
    },
  ],
)

/** Outputs are summed in this many parts, for enough invocations on a GPU. */
const OUTPUT_PARTS = 16

interface FinalBackward {
  weight: Tensor
  /** (O, C + 1, 3, 3, 3) */
  dMerged: Tensor
  /** of the merged weight's gradient */
  firstChannel: number
  channels: number
  into: GradientTarget
}

/** d(Fw) from the first C channels of the merged weight, d(fb) from the last one. */
const finalBackward = kernel<FinalBackward>(
  'merged_head.backward_final',
  ({ weight, dMerged, firstChannel, channels, into }, { scratch }) => {
    const [outputs, features] = weight.shape as [number, number]
    const parts = Math.min(OUTPUT_PARTS, outputs)
    const partials = scratch('partials', [features, channels, parts])
    return [
      {
        shader: 'merged_head/final_partials',
        bindings: { d_merged: dMerged, weight, partials },
        params: {
          outputs,
          features,
          merged_channels: dMerged.shape[1]!,
          first_channel: firstChannel,
          channels,
          parts,
        },
        invocations: features * channels * parts,
      },
      sumRows(partials, into.tensor, { rows: features * channels, length: parts, accumulate: into.accumulate }),
    ]
  },
)

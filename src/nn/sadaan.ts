import type { Tape } from '../graph/tape.ts'
import { type Precision, type Tensor, tensor } from '../graph/tensor.ts'
import { batchNorm } from '../ops/batch_norm.ts'
import { cast } from '../ops/cast.ts'
import { convTranspose3d } from '../ops/conv_transpose3d.ts'
import { type Conv3dOptions, conv3d } from '../ops/conv3d/conv3d.ts'
import { relu, sigmoid } from '../ops/elementwise.ts'
import { globalMean } from '../ops/global_mean.ts'
import { linear } from '../ops/linear.ts'
import { maxPool3d } from '../ops/max_pool3d.ts'
import { alignment, attentionMaps } from '../ops/sadaan/attention.ts'
import { gatedLogits } from '../ops/sadaan/gated_logits.ts'
import { mergeHeadWeights } from '../ops/sadaan/merged_head.ts'
import { presenceMlp, presenceProbability } from '../ops/sadaan/presence_mlp.ts'
import type { ModelState } from './model_state.ts'
import { PRESENCE_HIDDEN } from './specification.ts'

/** All outputs of SADAAN, with their original names. */
export interface SadaanOutputs {
  attention_maps: Tensor // (N, S, H, W, D)
  feature_responses: Tensor // (N, S, H, W, D) logits
  alignment_scores: Tensor // (N, S)
  position_priors: Tensor // (S, H, W, D) before the sigmoid
  absence_logits: Tensor // (N, S, 2)
  presence_probs: Tensor // (N, S)
  confidence_scores: Tensor // (N, S)
  segmentation_logits: Tensor // (N, S, H, W, D)
  segmentation_probs: Tensor // (N, S, H, W, D)
}

/** Training uses batch statistics, and dropout with `keys`; otherwise running statistics and no dropout. */
export type Mode = { training: true; keys: Tensor; dropout: number } | { training: false }

/** Constant inputs that the host fills once. */
export interface Constants {
  ones: Tensor // (N, 1, H, W, D)
  zeros: Tensor // (S)
}

export function constants(state: ModelState, samples: number): Constants {
  const { structures, size } = state.shape
  return { ones: tensor('ones', [samples, 1, ...size], 'input'), zeros: tensor('zeros', [structures], 'input') }
}

/** For a convolution followed by a batch norm. */
const NORMALISED: Conv3dOptions = { normalised: true }

/** Records SADAAN on a tape, layer by layer, with the state dict's names as labels. */
export class Sadaan {
  private readonly tape: Tape
  private readonly state: ModelState
  private readonly constants: Constants
  private readonly mode: Mode

  constructor(tape: Tape, state: ModelState, constants: Constants, mode: Mode) {
    this.tape = tape
    this.state = state
    this.constants = constants
    this.mode = mode
  }

  /** image (N, C, H, W, D), raw intensity 0..255. Activations have its dtype; attention maps and logits are f32. */
  forward(image: Tensor): SadaanOutputs {
    const ones = cast(this.tape, this.constants.ones, image.dtype as Precision)
    const d1 = this.trunk(image) // (N, channels[0], H, W, D)
    const attention = this.attention(d1, ones)
    const pooled = this.pooledFeatures(d1) // (N, features)
    const absence = this.absence(pooled, attention.alignment_scores)
    return { ...attention, ...absence, ...this.segmentation(d1, ones, attention.attention_maps) }
  }

  /** Encoder and decoder up to d1, the input of final_conv. */
  private trunk(image: Tensor): Tensor {
    const skips: Tensor[] = []
    let h = image
    for (const level of [1, 2, 3, 4]) {
      const skip = this.block(`encoder.enc${level}`, h)
      skips.push(skip)
      h = this.tape.scope(`encoder.pool${level}`, () => maxPool3d(this.tape, skip))
    }
    h = this.block('encoder.enc5', h)
    for (const level of [4, 3, 2, 1]) {
      const up = this.named(`encoder.up${level}`, (weight, bias) => convTranspose3d(this.tape, h, weight, bias))
      h = this.block(`encoder.dec${level}`, up, skips[level - 1])
    }
    return h
  }

  /** The mean of F over voxels without computing F: final_conv is linear, so mean(F) = Fw · mean(d1) + fb. */
  private pooledFeatures(d1: Tensor): Tensor {
    const { finalMatrix } = this.state
    return this.tape.scope('encoder.final_conv', () =>
      linear(this.tape, globalMean(this.tape, d1), finalMatrix, this.state.tensor('encoder.final_conv.bias')),
    )
  }

  private attention(d1: Tensor, ones: Tensor) {
    const branch = (name: string): Tensor => {
      const h = this.norm(`attention_module.${name}.1`, this.headConv(`attention_module.${name}.0`, d1, ones))
      return this.conv(`attention_module.${name}.3`, h) // (N, S, H, W, D)
    }
    const priors = this.state.tensor('attention_module.position_embeddings')
    const logits = branch('attention_conv')
    const responses = branch('feature_matcher')
    return this.tape.scope('attention_module', () => {
      const maps = attentionMaps(this.tape, logits, priors)
      const scores = alignment(this.tape, maps, responses)
      return { attention_maps: maps, feature_responses: responses, alignment_scores: scores, position_priors: priors }
    })
  }

  private absence(pooled: Tensor, alignmentScores: Tensor) {
    const { tensor: block, offsets } = this.state.classifiers
    const layout = { offsets, hidden: PRESENCE_HIDDEN }
    const logits = this.tape.scope('absence_detector.absence_classifiers', () =>
      presenceMlp(this.tape, { pooled, alignment: alignmentScores, block, layout }, this.mode),
    )
    const head = 'absence_detector.confidence_head'
    const hidden = this.named(`${head}.0`, (weight, bias) => relu(this.tape, linear(this.tape, pooled, weight, bias)))
    const confidence = this.named(`${head}.2`, (weight, bias) =>
      sigmoid(this.tape, linear(this.tape, hidden, weight, bias)),
    )
    const presence = this.tape.scope('absence_detector', () => presenceProbability(this.tape, logits))
    return { absence_logits: logits, presence_probs: presence, confidence_scores: confidence }
  }

  /** logit_s = A_s ⊙ (w_s · r) + b_s, which equals w_s · (r ⊙ A_s) + b_s without S copies of r. */
  private segmentation(d1: Tensor, ones: Tensor, maps: Tensor) {
    const refine = 'segmentation_head.feature_refine'
    const first = this.norm(`${refine}.1`, this.headConv(`${refine}.0`, d1, ones))
    const refined = this.norm(`${refine}.4`, this.conv(`${refine}.3`, first, NORMALISED)) // (N, features / 2, H, W, D)
    return this.named('segmentation_head.segmentation_layer', (weight, bias) => {
      const projected = conv3d(this.tape, refined, weight, this.constants.zeros) // (N, S, H, W, D)
      const logits = gatedLogits(this.tape, maps, projected, bias)
      return { segmentation_logits: logits, segmentation_probs: sigmoid(this.tape, logits) }
    })
  }

  /** A 3³ convolution over F = final_conv(d1), computed over (d1, ones) with merged weights. F itself is never computed. */
  private headConv(name: string, d1: Tensor, ones: Tensor): Tensor {
    const finalWeight = this.state.tensor('encoder.final_conv.weight')
    const finalBias = this.state.tensor('encoder.final_conv.bias')
    return this.named(name, (weight, bias) => {
      const merged = mergeHeadWeights(this.tape, weight, finalWeight, finalBias)
      return conv3d(this.tape, d1, merged, bias, { with: ones, ...NORMALISED })
    })
  }

  /** Conv 3³ – BN – ReLU twice over x, or over concat(x, skip). */
  private block(name: string, x: Tensor, skip?: Tensor): Tensor {
    const h = this.norm(`${name}.1`, this.conv(`${name}.0`, x, skip ? { with: skip, ...NORMALISED } : NORMALISED))
    return this.norm(`${name}.4`, this.conv(`${name}.3`, h, NORMALISED))
  }

  private conv(name: string, x: Tensor, options: Conv3dOptions = {}): Tensor {
    return this.named(name, (weight, bias) => conv3d(this.tape, x, weight, bias, options))
  }

  /** Batch norm and ReLU. */
  private norm(name: string, x: Tensor): Tensor {
    const { batchMean, batchVar, ...norm } = this.state.batchNorm(name)
    const mode = this.mode.training
      ? { training: true as const, statistics: { mean: batchMean, variance: batchVar } }
      : { training: false as const }
    return this.tape.scope(name, () => batchNorm(this.tape, x, norm, mode, { relu: true }))
  }

  private named<T>(name: string, body: (weight: Tensor, bias: Tensor) => T): T {
    return this.tape.scope(name, () => body(this.state.tensor(`${name}.weight`), this.state.tensor(`${name}.bias`)))
  }
}

import { LOSS_TERMS } from '../loss/sadaan_loss.ts'

/** The loss terms in the order in which the loss writes them, the total last. */
export const TERMS = [...LOSS_TERMS, 'total'] as const

export type TermName = (typeof TERMS)[number]

export type Terms = Record<TermName, number>

/** ε of Dice and IoU. */
export const EPSILON = 1e-6

/** What the host reads after each batch. */
export interface BatchResult {
  terms: Terms
  /** (N, S, 8), PAIR_SUMS of the loss */
  pairs: Float32Array
  /** (N, S) probability of presence */
  presenceProbability: Float32Array
  /** (N, S): 1 present, 0 absent, −1 unknown or padding */
  presence: Float32Array
  /** of batch norm, in the layout of the running ones; only for training that ranks share */
  statistics?: Float32Array
}

export function termsOf(values: ArrayLike<number>): Terms {
  return Object.fromEntries(TERMS.map((name, i) => [name, values[i]!])) as Terms
}

/** Voxels of the ground truth, of the mask at threshold 0.5, and of their intersection. */
export interface VoxelCounts {
  truth: number
  predicted: number
  both: number
}

export interface Overlap extends VoxelCounts {
  /** Dice and IoU of the mask at threshold 0.5, without the presence gate */
  hardDice: number
  iou: number
  /** Dice of an empty prediction, which equals its IoU: the presence gate empties structures predicted absent */
  emptyOverlap: number
}

/** One structure of one sample. */
export interface Pair extends Overlap {
  sample: number
  structure: number
  present: boolean
  probability: number
  softDice: number
}

/** Dice or IoU with the presence gate: of an empty mask, for which both are the same, if the structure is predicted absent. */
export function gatedOverlap(
  pair: Pick<Pair, 'hardDice' | 'iou' | 'emptyOverlap'>,
  metric: 'hardDice' | 'iou',
  isPredictedPresent: boolean,
): number {
  return isPredictedPresent ? pair[metric] : pair.emptyOverlap
}

/** The known pairs of a batch in the order of samples. */
export function* pairsOf(
  { pairs, presence, presenceProbability }: Pick<BatchResult, 'pairs' | 'presence' | 'presenceProbability'>,
  structures: number,
): Generator<Pair> {
  for (let i = 0; i < presence.length; i++) {
    if (presence[i]! < 0) continue
    const [, pm, p, m, , , intersection, count] = pairs.subarray(8 * i, 8 * i + 8) as unknown as number[]
    yield {
      sample: Math.floor(i / structures),
      structure: i % structures,
      present: presence[i]! > 0.5,
      probability: presenceProbability[i]!,
      softDice: (2 * pm! + EPSILON) / (p! + m! + EPSILON),
      ...overlapOf({ truth: m!, predicted: count!, both: intersection! }),
    }
  }
}

/** How two masks overlap, from their voxels. */
export function overlapOf(voxels: VoxelCounts): Overlap {
  const { truth, predicted, both } = voxels
  return {
    hardDice: (2 * both + EPSILON) / (predicted + truth + EPSILON),
    iou: (both + EPSILON) / (predicted + truth - both + EPSILON),
    emptyOverlap: EPSILON / (truth + EPSILON),
    ...voxels,
  }
}

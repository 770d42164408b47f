import { type BatchResult, type Pair, pairsOf } from '../run/batch_result.ts'
import type { Spacing } from './distance_transform.ts'
import type { SurfaceDistances } from './surface_distance.ts'

/** A known pair, whether its structure is predicted present, and how far its surfaces lie apart. */
export interface JudgedPair extends Pair {
  /** index within the split */
  sample: number
  isPredictedPresent: boolean
  /** of present pairs; null where truth or prediction is empty */
  surface: SurfaceDistances | null
}

/** What is known of a sample beside its pairs. */
export interface SampleFacts {
  /** empty where the dataset names none */
  scenario: string
  subject: string
  /** millimetres between the model's voxels along (H, W, D); undefined where the dataset does not say */
  spacing: Spacing | undefined
}

/** A sample of an evaluation with its known pairs, in the order of structures. */
export interface JudgedSample extends SampleFacts {
  pairs: JudgedPair[]
}

/** What an evaluation finds in a batch. */
export interface MeasuredBatch extends Pick<BatchResult, 'pairs' | 'presence' | 'presenceProbability'> {
  /** (N·S); null where there is no distance. The padding of the last batch may be left out. */
  surfaces: readonly (SurfaceDistances | null)[]
}

/** The samples of a batch that are no padding, from `first` on within the split. */
export function judge(
  batch: MeasuredBatch,
  samples: readonly SampleFacts[],
  { first, structures, threshold }: { first: number; structures: number; threshold: number },
): JudgedSample[] {
  const judged = samples.map((facts): JudgedSample => ({ ...facts, pairs: [] }))
  for (const pair of pairsOf(batch, structures))
    judged[pair.sample]!.pairs.push({
      ...pair,
      sample: first + pair.sample,
      isPredictedPresent: pair.probability > threshold,
      surface: batch.surfaces[pair.sample * structures + pair.structure]!,
    })
  return judged
}

export function isPredictedCorrectly({ isPredictedPresent, present }: JudgedPair): number {
  return Number(isPredictedPresent === present)
}

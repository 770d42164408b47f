import { type BatchResult, type Pair, pairsOf } from '../run/batch_result.ts'
import type { Spacing } from './distance_transform.ts'
import type { SurfaceDistances } from './surface_distance.ts'

/** A known pair with its predicted presence and surface distances. */
export interface JudgedPair extends Omit<Pair, 'softDice'> {
  /** index within the split */
  sample: number
  isPredictedPresent: boolean
  /** of present pairs; null if ground truth or prediction is empty */
  surface: SurfaceDistances | null
}

/** What is known about a sample besides its pairs. */
export interface SampleFacts {
  /** empty if the dataset has none */
  scenario: string
  subject: string
  /** of the model's voxels, mm; undefined if the dataset has none */
  spacing: Spacing | undefined
}

/** A sample of an evaluation with its known pairs, in the order of structures. */
export interface JudgedSample extends SampleFacts {
  pairs: JudgedPair[]
}

/** Results of an evaluation for one batch. */
export interface MeasuredBatch extends Pick<BatchResult, 'pairs' | 'presence' | 'presenceProbability'> {
  /** null where no distance is defined; may lack the padding of the last batch */
  surfaces: readonly (SurfaceDistances | null)[] // (N·S)
}

/** The samples of a batch without padding. `first` is the index of its first sample within the split. */
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

import type { PairedComparison, ScoredPair, ScoreMetrics } from './score.ts'

/** report.json of a cross-validation: every subject once, predicted by the model that has not seen it. */
export interface CrossValidation extends ScoreMetrics {
  folds: number
  seed: number
  /** which model of a fold is judged */
  model: 'after the last epoch'
  /** whether each prediction is a mean over mirrored inputs */
  flips: boolean
  structure_names: string[]
  per_fold: FoldMetrics[]
  comparison?: PairedComparison
  cases: (ScoredPair & { fold: number })[]
}

export interface FoldMetrics extends ScoreMetrics {
  fold: number
  /** path of the model, within the folder */
  weights: string
  epochs: number
}

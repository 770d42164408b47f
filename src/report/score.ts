import type { DetailedMetrics, Interval } from './detailed_metrics.ts'

/** One annotated (scan, structure) pair of a score, measured in the scan's own space. */
export interface ScoredPair {
  scan: string
  subject: string
  structure: string
  /** 1 present in the label, 0 absent */
  present: 0 | 1
  predicted_present: 0 | 1
  /** null if the prediction is a mask only */
  presence_probability: number | null
  /** Overlap and distances are null if the structure is absent from the label, distances also if the prediction is empty. */
  dice: number | null
  iou: number | null
  precision: number | null
  recall: number | null
  /** mm */
  hd95: number | null
  /** mean over both surfaces, mm */
  surface_distance: number | null
  true_voxels: number
  predicted_voxels: number
  common_voxels: number
  true_volume_ml: number
  predicted_volume_ml: number
}

/** What is predicted of a structure in scans that lack it. */
export interface FalseVolume {
  /** mean over these scans; null if there are none */
  mean_ml: number | null
  /** scans that lack it, and those of them with a mask all the same */
  num_absent: number
  num_predicted: number
}

/** The metrics of `evaluate` that masks alone define, over subjects. */
export type ScoreMetrics = Pick<
  DetailedMetrics,
  | 'presence_overall_accuracy'
  | 'presence_per_structure'
  | 'absence_overall'
  | 'absence_per_structure'
  | 'segmentation_per_structure'
  | 'segmentation_overall'
  | 'confidence_intervals'
> & {
  false_volume_per_structure: Record<string, FalseVolume>
  num_subjects: number
  num_scans: number
}

/** Two reports on the same subjects: this one minus the other. */
export interface PairedDifference {
  metric: 'dice' | 'hd95'
  /** null: of each subject the mean over its structures */
  structure: string | null
  /** for which both reports define the metric */
  num_subjects: number
  mean: number
  other_mean: number
  difference: number
  /** 95 % bootstrap interval of the difference over subjects */
  interval: Interval
  /** two-sided, of Wilcoxon's signed-rank test; null if no subject differs */
  p_value: number | null
}

/** The comparison with another report. */
export interface PairedComparison {
  against: string
  test: 'wilcoxon signed-rank, exact, two-sided'
  /** of the subjects, those that only one of the reports has */
  only_here: string[]
  only_there: string[]
  differences: PairedDifference[]
}

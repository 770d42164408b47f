/** Figures of detailed_metrics.json, named as in the file. null: undefined, because there was nothing to count. */
export interface DetailedMetrics {
  /** share of the known pairs of sample and structure whose presence was predicted correctly */
  presence_overall_accuracy: number | null
  presence_per_structure: Record<string, PresenceMetrics>
  segmentation_per_structure: Record<string, SegmentationMetrics>
  /** means over the structures that were present in at least one sample */
  segmentation_overall: OverallSegmentation & OverallVoxels
  /** the same where a structure predicted absent gets an empty mask */
  segmentation_overall_gated: OverallSegmentation
  scenario_based: Record<string, ScenarioMetrics>
  /** is an absent structure told to be absent? Over all known pairs */
  absence_overall: AbsenceMetrics
  absence_per_structure: Record<string, AbsenceMetrics>
  /** of the presence probabilities over all known pairs */
  presence_calibration: Calibration
  /** 95 % bootstrap intervals over samples of the main figures */
  confidence_intervals: ConfidenceIntervals
  /** of every distance here */
  distance_unit: 'mm' | 'voxel'
}

export interface PresenceMetrics {
  accuracy: number | null
  precision: number
  recall: number
  f1_score: number
  true_positives: number
  true_negatives: number
  false_positives: number
  false_negatives: number
  support_positive: number
  support_negative: number
  /** area under the ROC curve; null without both a positive and a negative */
  auc_roc: number | null
  /** average precision; null without both a positive and a negative */
  auc_pr: number | null
}

/** The shares that are of something: the file has 0, as the original's, where nothing was told present or nothing is. */
export function definedShares(m: PresenceMetrics): Record<'precision' | 'recall' | 'f1', number | null> {
  const precision = m.true_positives + m.false_positives > 0 ? m.precision : null
  const recall = m.support_positive > 0 ? m.recall : null
  return { precision, recall, f1: precision === null && recall === null ? null : m.f1_score }
}

/** Over the samples in which the structure is present. */
export interface SegmentationMetrics {
  mean_dice: number | null
  std_dice: number | null
  mean_iou: number | null
  std_iou: number | null
  num_samples: number
  /** of voxels: share of the predicted that are true, over samples with any predicted; share of the true that were found, over samples with any true */
  mean_precision: number | null
  mean_recall: number | null
  mean_hd95: number | null
  std_hd95: number | null
  mean_surface_distance: number | null
  std_surface_distance: number | null
  /** samples in which truth and prediction both have a surface: the distances are of these */
  num_surfaces: number
  /** samples with a true mask of which nothing was predicted: Dice is 0 there and no distance is defined */
  num_empty_predictions: number
  /** (predicted − true) / true volume: its mean, and the mean of its absolute value */
  mean_volume_error: number | null
  mean_absolute_volume_error: number | null
}

export interface OverallSegmentation {
  mean_dice: number | null
  mean_iou: number | null
}

/** Means over the structures that have the figure; `num_empty_predictions` is their sum. */
export type OverallVoxels = Pick<
  SegmentationMetrics,
  | 'mean_precision'
  | 'mean_recall'
  | 'mean_hd95'
  | 'mean_surface_distance'
  | 'mean_volume_error'
  | 'mean_absolute_volume_error'
  | 'num_empty_predictions'
>

export interface ScenarioMetrics {
  /** share of samples all of whose known structures were predicted correctly */
  accuracy: number
  num_samples: number
  /** structures a sample */
  avg_structures_present: number
  avg_structures_predicted: number
}

/** Absence is the positive class here. */
export interface AbsenceMetrics {
  /** share of the absent that were told to be absent */
  sensitivity: number | null
  /** share of the present that were told to be present */
  specificity: number | null
  num_absent: number
  num_present: number
}

export interface Calibration {
  /** expected calibration error: Σ share of a bin · |mean probability − share present| */
  expected_calibration_error: number | null
  /** mean squared difference of probability and presence */
  brier_score: number | null
  /** equal widths over 0..1; of pairs whose probability lies in (low, high], the first with 0 */
  bins: CalibrationBin[]
}

export interface CalibrationBin {
  low: number
  high: number
  count: number
  mean_probability: number | null
  share_present: number | null
}

/** [2.5th, 97.5th percentile] of the figure over resampled splits; null where the figure is undefined or of one sample. */
export type Interval = [low: number, high: number] | null

export interface ConfidenceIntervals {
  resamples: number
  presence_overall_accuracy: Interval
  absence_sensitivity: Interval
  absence_specificity: Interval
  mean_dice: Interval
  mean_iou: Interval
  mean_hd95: Interval
  mean_surface_distance: Interval
  dice_per_structure: Record<string, Interval>
}

/** The metrics in detailed_metrics.json, under the keys of the file. Undefined metrics are null: there was nothing to count. */
export interface DetailedMetrics {
  /** fraction of the known (sample, structure) pairs whose presence was predicted correctly */
  presence_overall_accuracy: number | null
  presence_per_structure: Record<string, PresenceMetrics>
  segmentation_per_structure: Record<string, SegmentationMetrics>
  /** means over the structures that were present in at least one sample */
  segmentation_overall: OverallSegmentation & OverallVoxels
  /** the same, with an empty mask for every structure predicted absent */
  segmentation_overall_gated: OverallSegmentation
  scenario_based: Record<string, ScenarioMetrics>
  /** how well absence is recognised, over all known pairs */
  absence_overall: AbsenceMetrics
  absence_per_structure: Record<string, AbsenceMetrics>
  /** of the presence probabilities, over all known pairs */
  presence_calibration: Calibration
  /** 95 % bootstrap intervals of the main metrics; whole samples are resampled */
  confidence_intervals: ConfidenceIntervals
  /** unit of every distance */
  distance_unit: 'mm' | 'voxel'
  /** samples that were evaluated */
  num_samples: number
}

export interface PresenceMetrics {
  accuracy: number | null
  /** null without a positive, and if nothing was predicted present */
  precision: number | null
  /** null without a positive */
  recall: number | null
  /** null without a positive */
  f1_score: number | null
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

/** Over the samples in which the structure is present. */
export interface SegmentationMetrics {
  mean_dice: number | null
  std_dice: number | null
  mean_iou: number | null
  std_iou: number | null
  /** samples that Dice and IoU are taken over */
  num_samples: number
  /** of voxels: precision over samples with a non-empty prediction, recall over samples with a non-empty ground truth */
  mean_precision: number | null
  mean_recall: number | null
  /** samples with a non-empty prediction, which precision is taken over */
  num_predictions: number
  /** samples with a non-empty ground truth, which recall and volume errors are taken over */
  num_truths: number
  mean_hd95: number | null
  std_hd95: number | null
  mean_surface_distance: number | null
  std_surface_distance: number | null
  /** samples in which ground truth and prediction both have a surface; the distances are means over these */
  num_surfaces: number
  /** samples with a non-empty ground truth and an empty prediction: Dice is 0, distances are undefined */
  num_empty_predictions: number
  /** signed volume error, (predicted − true) / true: its mean, and the mean of its absolute value */
  mean_volume_error: number | null
  mean_absolute_volume_error: number | null
}

export interface OverallSegmentation {
  mean_dice: number | null
  mean_iou: number | null
}

/** Means over the structures for which the metric is defined; `num_empty_predictions` is a sum. */
export type OverallVoxels = Pick<SegmentationMetrics, VoxelMean | 'num_empty_predictions'> & {
  /** the number of structures that each mean is taken over */
  num_structures: Record<VoxelMean | keyof OverallSegmentation, number>
}

type VoxelMean =
  | 'mean_precision'
  | 'mean_recall'
  | 'mean_hd95'
  | 'mean_surface_distance'
  | 'mean_volume_error'
  | 'mean_absolute_volume_error'

export interface ScenarioMetrics {
  /** fraction of samples in which every known structure was predicted correctly */
  accuracy: number
  num_samples: number
  /** structures per sample */
  avg_structures_present: number
  avg_structures_predicted: number
}

/** Absence is the positive class here. */
export interface AbsenceMetrics {
  /** fraction of the absent pairs that were predicted absent */
  sensitivity: number | null
  /** fraction of the present pairs that were predicted present */
  specificity: number | null
  num_absent: number
  num_present: number
}

export interface Calibration {
  /** expected calibration error: Σ over bins of fraction of pairs · |mean probability − fraction present| */
  expected_calibration_error: number | null
  /** mean squared difference between probability and presence */
  brier_score: number | null
  /** equal-width bins (low, high] over 0..1; the first one includes 0 */
  bins: CalibrationBin[]
}

export interface CalibrationBin {
  low: number
  high: number
  count: number
  mean_probability: number | null
  share_present: number | null
}

/** Fewer samples show no spread: what looks like an interval would be one by chance. */
export const LEAST_FOR_INTERVAL = 5

/** [2.5th, 97.5th percentile] of a metric over bootstrap resamples; null if fewer than five samples define the metric. */
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

/** Figures of detailed_metrics.json, named as in the file. null: undefined, because there was nothing to count. */
export interface DetailedMetrics {
  /** share of the known pairs of sample and structure whose presence was told rightly */
  presence_overall_accuracy: number | null
  presence_per_structure: Record<string, PresenceMetrics>
  segmentation_per_structure: Record<string, SegmentationMetrics>
  /** means over the structures that were present in at least one sample */
  segmentation_overall: OverallSegmentation
  /** the same where a structure held to be absent gets an empty mask */
  segmentation_overall_gated: OverallSegmentation
  scenario_based: Record<string, ScenarioMetrics>
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

/** Over the samples in which the structure is present. */
export interface SegmentationMetrics {
  mean_dice: number | null
  std_dice: number | null
  mean_iou: number | null
  std_iou: number | null
  num_samples: number
}

export interface OverallSegmentation {
  mean_dice: number | null
  mean_iou: number | null
}

export interface ScenarioMetrics {
  /** share of samples all of whose known structures were told rightly */
  accuracy: number
  num_samples: number
  /** structures a sample */
  avg_structures_present: number
  avg_structures_predicted: number
}

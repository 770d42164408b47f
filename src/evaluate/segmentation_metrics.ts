import type { OverallSegmentation, OverallVoxels, SegmentationMetrics } from '../report/detailed_metrics.ts'
import { gatedOverlap, type VoxelCounts } from '../run/batch_result.ts'
import { deviation, mean, meanOfDefined } from '../util/statistics.ts'
import type { JudgedPair } from './judged_pair.ts'

/** Metrics of the present pairs of one structure, without the presence gate. */
export function segmentationOf(pairs: readonly JudgedPair[]): SegmentationMetrics {
  const dice = pairs.map(({ hardDice }) => hardDice)
  const iou = pairs.map(pair => pair.iou)
  const surfaces = pairs.map(({ surface }) => surface).filter(surface => surface !== null)
  const hd95 = surfaces.map(surface => surface.hd95)
  const distance = surfaces.map(surface => surface.mean)
  const errors = pairs.map(volumeErrorOf).filter(error => error !== null)
  return {
    mean_dice: mean(dice),
    std_dice: deviation(dice),
    mean_iou: mean(iou),
    std_iou: deviation(iou),
    num_samples: pairs.length,
    mean_precision: meanOfDefined(pairs.map(precisionOf)),
    mean_recall: meanOfDefined(pairs.map(recallOf)),
    num_predictions: pairs.filter(({ predicted }) => predicted > 0).length,
    num_truths: errors.length,
    mean_hd95: mean(hd95),
    std_hd95: deviation(hd95),
    mean_surface_distance: mean(distance),
    std_surface_distance: deviation(distance),
    num_surfaces: surfaces.length,
    num_empty_predictions: pairs.filter(({ truth, predicted }) => truth > 0 && predicted === 0).length,
    mean_volume_error: mean(errors),
    mean_absolute_volume_error: mean(errors.map(Math.abs)),
  }
}

/** Fraction of the predicted voxels that are true; null if none is predicted. */
export function precisionOf({ both, predicted }: VoxelCounts): number | null {
  return predicted ? both / predicted : null
}

/** Fraction of the true voxels that are predicted; null if there are none. */
export function recallOf({ both, truth }: VoxelCounts): number | null {
  return truth ? both / truth : null
}

/** (predicted − true) / true volume; null if there are no true voxels. */
function volumeErrorOf({ predicted, truth }: JudgedPair): number | null {
  return truth ? (predicted - truth) / truth : null
}

/** Means over the structures present in at least one sample. */
export function overallOf(structures: readonly SegmentationMetrics[]): OverallSegmentation & OverallVoxels {
  const over = (metric: keyof OverallVoxels['num_structures']) => meanOfDefined(structures.map(each => each[metric]))
  const count = (metric: keyof OverallVoxels['num_structures']) =>
    structures.filter(each => each[metric] !== null).length
  return {
    mean_dice: over('mean_dice'),
    mean_iou: over('mean_iou'),
    mean_precision: over('mean_precision'),
    mean_recall: over('mean_recall'),
    mean_hd95: over('mean_hd95'),
    mean_surface_distance: over('mean_surface_distance'),
    mean_volume_error: over('mean_volume_error'),
    mean_absolute_volume_error: over('mean_absolute_volume_error'),
    num_empty_predictions: structures.reduce((sum, each) => sum + each.num_empty_predictions, 0),
    num_structures: {
      mean_dice: count('mean_dice'),
      mean_iou: count('mean_iou'),
      mean_precision: count('mean_precision'),
      mean_recall: count('mean_recall'),
      mean_hd95: count('mean_hd95'),
      mean_surface_distance: count('mean_surface_distance'),
      mean_volume_error: count('mean_volume_error'),
      mean_absolute_volume_error: count('mean_absolute_volume_error'),
    },
  }
}

/** Gated Dice and IoU of the present pairs by structure. */
export function gatedOverlapOf(structures: readonly (readonly JudgedPair[])[]): OverallSegmentation {
  const over = (metric: 'hardDice' | 'iou'): number | null =>
    meanOfDefined(structures.map(pairs => mean(pairs.map(pair => gatedOverlap(pair, metric, pair.isPredictedPresent)))))
  return { mean_dice: over('hardDice'), mean_iou: over('iou') }
}

import type { AbsenceMetrics, Calibration, CalibrationBin, PresenceMetrics } from '../report/detailed_metrics.ts'
import { mean } from '../util/statistics.ts'
import { isPredictedCorrectly, type JudgedPair } from './judged_pair.ts'
import { averagePrecision, rocAuc } from './ranking.ts'

/** Of the known pairs of one structure. */
export function presenceOf(pairs: readonly JudgedPair[]): PresenceMetrics {
  const count = (present: boolean, predicted: boolean): number =>
    pairs.filter(pair => pair.present === present && pair.isPredictedPresent === predicted).length
  const [truePositives, trueNegatives] = [count(true, true), count(false, false)]
  const [falsePositives, falseNegatives] = [count(false, true), count(true, false)]
  const scored = pairs.map(({ probability, present }) => ({ score: probability, positive: present }))
  const positives = truePositives + falseNegatives
  // without a positive nothing can be found, so there is no precision either: false positives are what the specificity is about
  const share = (part: number, whole: number): number | null => (positives && whole ? part / whole : null)
  return {
    accuracy: mean(pairs.map(isPredictedCorrectly)),
    precision: share(truePositives, truePositives + falsePositives),
    recall: share(truePositives, positives),
    f1_score: share(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives),
    true_positives: truePositives,
    true_negatives: trueNegatives,
    false_positives: falsePositives,
    false_negatives: falseNegatives,
    support_positive: positives,
    support_negative: trueNegatives + falsePositives,
    auc_roc: rocAuc(scored),
    auc_pr: averagePrecision(scored),
  }
}

/** Detection of absent structures: absence is the positive class. */
export function absenceOf(pairs: readonly JudgedPair[]): AbsenceMetrics {
  const absent = pairs.filter(({ present }) => !present)
  const present = pairs.filter(pair => pair.present)
  return {
    sensitivity: mean(absent.map(isPredictedCorrectly)),
    specificity: mean(present.map(isPredictedCorrectly)),
    num_absent: absent.length,
    num_present: present.length,
  }
}

const BINS = 10

/**
 * Calibration of the presence probabilities. Expected calibration error over ten bins of equal width (Naeini, Cooper and Hauskrecht, AAAI
 * 2015; bins closed above as in Guo et al., ICML 2017) between mean probability and fraction present. Brier score mean (q − y)², as
 * scikit-learn's brier_score_loss.
 */
export function calibrationOf(pairs: readonly JudgedPair[]): Calibration {
  const bins = Array.from({ length: BINS }, (_, i) => binOf(pairs, i))
  const gaps = bins.map(bin => (bin.count ? bin.count * Math.abs(bin.mean_probability! - bin.share_present!) : 0))
  return {
    expected_calibration_error: pairs.length ? gaps.reduce((sum, gap) => sum + gap, 0) / pairs.length : null,
    brier_score: mean(pairs.map(({ probability, present }) => (probability - Number(present)) ** 2)),
    bins,
  }
}

function binOf(pairs: readonly JudgedPair[], i: number): CalibrationBin {
  const [low, high] = [i / BINS, (i + 1) / BINS]
  const inside = pairs.filter(({ probability: q }) => (q > low || i === 0) && q <= high)
  return {
    low,
    high,
    count: inside.length,
    mean_probability: mean(inside.map(({ probability }) => probability)),
    share_present: mean(inside.map(({ present }) => Number(present))),
  }
}

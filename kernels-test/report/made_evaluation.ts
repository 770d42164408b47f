import type { CaseRow } from '../../src/report/case_row.ts'
import type {
  CalibrationBin,
  DetailedMetrics,
  Interval,
  OverallVoxels,
  PresenceMetrics,
} from '../../src/report/detailed_metrics.ts'
import { overlapOf } from '../../src/report/sample/overlap.ts'
import type { VolumeSize } from '../../src/report/sample/slice.ts'
import type { SampleView } from '../../src/report/sample/view.ts'

/** A plausible evaluation: metrics and cases that agree with each other, the same each time. */
export interface MadeEvaluation {
  metrics: DetailedMetrics
  cases: CaseRow[]
}

const ORGANS = ['left_lung', 'right_lung', 'heart', 'liver', 'spleen', 'left_kidney', 'right_kidney', 'pancreas']

export function organNames(count: number): string[] {
  return Array.from({ length: count }, (_, s) => ORGANS[s] ?? `structure_${s}`)
}

/** Numbers between 0 and 1, the same each time (Park and Miller, 1988). */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48271) % 2147483647
    return state / 2147483647
  }
}

const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole)
const meanOf = (values: readonly number[]): number | null =>
  share(
    values.reduce((a, b) => a + b, 0),
    values.length,
  )
const about = (value: number | null, by: number): Interval =>
  value === null ? null : [Math.max(0, value - by), Math.min(1, value + by)]

function deviationOf(values: readonly number[]): number | null {
  const mean = meanOf(values)
  return mean === null ? null : Math.sqrt(meanOf(values.map(value => (value - mean) ** 2))!)
}

/** `absent`: fraction of absent pairs. `skill`, 0 to 1, shifts overlaps and probabilities. */
export function madeEvaluation(
  names: readonly string[],
  { samples = 40, absent = 0.25, skill = 0.8, scenarios = ['normal', 'unilateral', 'multiple'], seed = 7 } = {},
): MadeEvaluation {
  const random = randomFrom(seed)
  const cases: CaseRow[] = []
  for (let sample = 0; sample < samples; sample++)
    for (const [s, structure] of names.entries()) {
      const present = random() < absent ? 0 : 1
      const lean = present ? skill : 1 - skill
      const probability = Math.min(0.999, Math.max(0.001, lean + (random() - 0.5) * 0.9))
      const dice = Math.min(0.99, Math.max(0, skill * (1.02 - 0.03 * (s % 9)) + (random() - 0.6) * 0.35))
      const isOutlined = present === 1 && dice > 0.05
      cases.push({
        sample,
        subject: `subject_${sample}`,
        scenario: scenarios[sample % Math.max(1, scenarios.length)] ?? '',
        structure,
        present,
        presence_probability: probability,
        predicted_present: probability > 0.5 ? 1 : 0,
        dice: present ? dice : null,
        iou: present ? dice / (2 - dice) : null,
        precision: present ? Math.min(1, dice + 0.05) : null,
        recall: present ? Math.max(0, dice - 0.05) : null,
        hd95: isOutlined ? 1 + 14 * (1 - dice) * random() : null,
        surface_distance: isOutlined ? 0.3 + 3 * (1 - dice) * random() : null,
        true_volume: present ? 120 + 10 * s : 0,
        predicted_volume: present ? (120 + 10 * s) * (0.8 + 0.4 * random()) : 0,
        distance_unit: 'mm',
        gated_dice: present ? (probability > 0.5 ? dice : 0) : null,
      })
    }
  return { metrics: metricsOf(names, cases), cases }
}

function presenceOf(rows: readonly CaseRow[]): PresenceMetrics {
  const count = (present: number, predicted: number): number =>
    rows.filter(row => row.present === present && row.predicted_present === predicted).length
  const [tp, tn, fp, fn] = [count(1, 1), count(0, 0), count(0, 1), count(1, 0)]
  const area = tp + fn > 0 && tn + fp > 0 ? 0.5 + 0.5 * ((tp + tn) / rows.length) : null
  const isFound = tp + fn > 0
  return {
    accuracy: share(tp + tn, rows.length),
    precision: isFound ? share(tp, tp + fp) : null,
    recall: share(tp, tp + fn),
    f1_score: isFound ? share(2 * tp, 2 * tp + fp + fn) : null,
    true_positives: tp,
    true_negatives: tn,
    false_positives: fp,
    false_negatives: fn,
    support_positive: tp + fn,
    support_negative: tn + fp,
    auc_roc: area,
    auc_pr: area,
  }
}

function absenceOf({ true_positives, true_negatives, support_positive, support_negative }: PresenceMetrics) {
  return {
    sensitivity: share(true_negatives, support_negative),
    specificity: share(true_positives, support_positive),
    num_absent: support_negative,
    num_present: support_positive,
  }
}

function binsOf(cases: readonly CaseRow[]): CalibrationBin[] {
  return Array.from({ length: 10 }, (_, i) => {
    const within = cases.filter(({ presence_probability: q }) => q > i / 10 && q <= (i + 1) / 10)
    return {
      low: i / 10,
      high: (i + 1) / 10,
      count: within.length,
      mean_probability: meanOf(within.map(row => row.presence_probability)),
      share_present: meanOf(within.map(row => row.present)),
    }
  })
}

function metricsOf(names: readonly string[], cases: readonly CaseRow[]): DetailedMetrics {
  const of = (name: string): CaseRow[] => cases.filter(row => row.structure === name)
  const all = presenceOf(cases)
  const values = (
    rows: readonly CaseRow[],
    key: 'dice' | 'iou' | 'hd95' | 'surface_distance' | 'precision' | 'recall',
  ) => rows.flatMap(row => row[key] ?? [])
  const segmentation = (rows: readonly CaseRow[]) => ({
    mean_dice: meanOf(values(rows, 'dice')),
    std_dice: deviationOf(values(rows, 'dice')),
    mean_iou: meanOf(values(rows, 'iou')),
    std_iou: deviationOf(values(rows, 'iou')),
    num_samples: values(rows, 'dice').length,
    mean_precision: meanOf(values(rows, 'precision')),
    mean_recall: meanOf(values(rows, 'recall')),
    mean_hd95: meanOf(values(rows, 'hd95')),
    std_hd95: deviationOf(values(rows, 'hd95')),
    mean_surface_distance: meanOf(values(rows, 'surface_distance')),
    std_surface_distance: deviationOf(values(rows, 'surface_distance')),
    num_predictions: values(rows, 'precision').length,
    num_truths: values(rows, 'recall').length,
    num_surfaces: values(rows, 'hd95').length,
    num_empty_predictions: rows.filter(row => row.present && row.hd95 === null).length,
    mean_volume_error: rows.some(row => row.present) ? -0.04 : null,
    mean_absolute_volume_error: rows.some(row => row.present) ? 0.11 : null,
  })
  const perStructure = names.map(name => [name, segmentation(of(name))] as const)
  const meanOver = (key: keyof OverallVoxels['num_structures']) =>
    meanOf(perStructure.flatMap(([, means]) => means[key] ?? []))
  const countOver = (key: keyof OverallVoxels['num_structures']) =>
    perStructure.filter(([, means]) => means[key] !== null).length
  const bins = binsOf(cases)
  const filled = bins.filter(bin => bin.count > 0)
  const absence = absenceOf(all)
  const [dice, iou] = [meanOver('mean_dice'), meanOver('mean_iou')]
  const scenarios = [...new Set(cases.map(row => row.scenario))].filter(name => name !== '')
  return {
    num_samples: new Set(cases.map(({ sample }) => sample)).size,
    presence_overall_accuracy: all.accuracy,
    presence_per_structure: Object.fromEntries(names.map(name => [name, presenceOf(of(name))])),
    segmentation_per_structure: Object.fromEntries(perStructure),
    segmentation_overall: {
      mean_dice: dice,
      mean_iou: iou,
      mean_precision: meanOver('mean_precision'),
      mean_recall: meanOver('mean_recall'),
      mean_hd95: meanOver('mean_hd95'),
      mean_surface_distance: meanOver('mean_surface_distance'),
      mean_volume_error: meanOver('mean_volume_error'),
      mean_absolute_volume_error: meanOver('mean_absolute_volume_error'),
      num_empty_predictions: cases.filter(row => row.present && row.hd95 === null).length,
      num_structures: {
        mean_dice: countOver('mean_dice'),
        mean_iou: countOver('mean_iou'),
        mean_precision: countOver('mean_precision'),
        mean_recall: countOver('mean_recall'),
        mean_hd95: countOver('mean_hd95'),
        mean_surface_distance: countOver('mean_surface_distance'),
        mean_volume_error: countOver('mean_volume_error'),
        mean_absolute_volume_error: countOver('mean_absolute_volume_error'),
      },
    },
    segmentation_overall_gated: { mean_dice: dice && dice * 0.97, mean_iou: iou && iou * 0.97 },
    scenario_based: Object.fromEntries(
      scenarios.map((name, i) => {
        const rows = cases.filter(row => row.scenario === name)
        const samples = new Set(rows.map(row => row.sample)).size
        return [
          name,
          {
            accuracy: Math.round((0.9 - 0.15 * i) * samples) / samples,
            num_samples: samples,
            avg_structures_present: rows.filter(row => row.present).length / samples,
            avg_structures_predicted: rows.filter(row => row.predicted_present).length / samples,
          },
        ]
      }),
    ),
    absence_overall: absence,
    absence_per_structure: Object.fromEntries(names.map(name => [name, absenceOf(presenceOf(of(name)))])),
    presence_calibration: {
      expected_calibration_error: share(
        filled.reduce((sum, bin) => sum + bin.count * Math.abs(bin.mean_probability! - bin.share_present!), 0),
        cases.length,
      ),
      brier_score: meanOf(cases.map(row => (row.presence_probability - row.present) ** 2)),
      bins,
    },
    confidence_intervals: {
      resamples: 1000,
      presence_overall_accuracy: about(all.accuracy, 0.03),
      absence_sensitivity: about(absence.sensitivity, 0.05),
      absence_specificity: about(absence.specificity, 0.02),
      mean_dice: about(dice, 0.02),
      mean_iou: about(iou, 0.03),
      mean_hd95: meanOver('mean_hd95') === null ? null : [meanOver('mean_hd95')! - 0.6, meanOver('mean_hd95')! + 0.8],
      mean_surface_distance: meanOver('mean_surface_distance') === null ? null : [0.6, 0.9],
      dice_per_structure: Object.fromEntries(
        perStructure.map(([name, { mean_dice }]) => [name, about(mean_dice, 0.04)]),
      ),
    },
    distance_unit: 'mm',
  }
}

/** Ellipsoids in a noisy image. Predictions are slightly smaller and shifted; some structures are absent, one is a false alarm. */
export function madeSample(names: readonly string[], size: VolumeSize, title: string, seed = 3): SampleView {
  const random = randomFrom(seed)
  const voxels = size[0] * size[1] * size[2]
  const image = Float32Array.from({ length: voxels }, () => 20 + 12 * random())
  const structures = names.map((name, s) => {
    const presence = s % 5 === 3 ? 0 : s % 11 === 9 ? -1 : 1
    const centre = size.map(length => length * (0.25 + 0.5 * random()))
    const radii = size.map(length => length * (0.07 + 0.13 * random()))
    const truth = new Uint32Array(Math.ceil(voxels / 32))
    const prediction = new Uint32Array(Math.ceil(voxels / 32))
    const attention = new Float32Array(voxels)
    const isPredicted = s % 7 !== 6 && (presence === 1 || s % 4 === 3)
    forVoxels(size, (voxel, at) => {
      const distance = Math.hypot(...at.map((x, axis) => (x - centre[axis]!) / radii[axis]!))
      const shifted = Math.hypot(...at.map((x, axis) => (x - centre[axis]! - 0.15 * radii[axis]!) / radii[axis]!))
      attention[voxel] = 0.9 * Math.exp(-0.5 * shifted ** 2)
      if (distance < 1 && presence === 1) {
        truth[voxel >>> 5]! |= 1 << (voxel & 31)
        image[voxel]! += 60 + 12 * (s % 6)
      }
      if (shifted < 0.95 && isPredicted) prediction[voxel >>> 5]! |= 1 << (voxel & 31)
    })
    const { truth: t, prediction: p, both } = overlapOf({ truth, prediction })
    const dice = presence === 1 ? (2 * both) / (t + p) : null
    const probability = isPredicted ? 0.93 - 0.03 * (s % 9) : 0.08
    return { name, truth, prediction, presence, probability, dice, attention }
  })
  return { title, size, spacing: [1, 1, 1], orientation: 'RAS', image, structures, threshold: 0.5 }
}

function forVoxels(size: VolumeSize, use: (voxel: number, at: [number, number, number]) => void): void {
  let voxel = 0
  for (let h = 0; h < size[0]; h++)
    for (let w = 0; w < size[1]; w++) for (let d = 0; d < size[2]; d++) use(voxel++, [h, w, d])
}

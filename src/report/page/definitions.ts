import { escaped } from '../chart/svg.ts'
import { LEAST_FOR_INTERVAL } from '../detailed_metrics.ts'
import { type Html, tag } from './html.ts'

const ENTRIES: readonly (readonly [term: string, meaning: string])[] = [
  [
    'Known pair',
    'A sample and a structure whose presence in it is annotated. Pairs of unknown presence count in no metric.',
  ],
  [
    'Presence accuracy',
    'Fraction of the known pairs whose presence was predicted correctly. A structure is predicted present if its probability is above the threshold, otherwise absent.',
  ],
  [
    'Precision, recall, F1',
    'Precision: fraction of the pairs predicted present that are present. Recall: fraction of the present pairs that were predicted present. F1: harmonic mean of the two. Undefined for a structure that is present in no sample.',
  ],
  [
    'AUC ROC, AUC PR',
    'Area under the receiver operating characteristic; average precision. Undefined unless the structure is present in some samples and absent in others.',
  ],
  [
    'Absence sensitivity, specificity',
    'Sensitivity: fraction of the absent pairs that were predicted absent. Specificity: fraction of the present pairs that were predicted present. Absence is the positive class.',
  ],
  [
    'Calibration error (ECE)',
    'Expected calibration error. Pairs are binned by predicted probability, in bins of equal width. The error of a bin is the absolute difference between its mean probability and the fraction of its pairs that are present. The ECE is the mean error, weighted by the number of pairs.',
  ],
  ['Brier score', 'Mean squared difference between the predicted probability of presence and presence (1 or 0).'],
  [
    'Dice, IoU',
    'Dice: 2·|truth ∩ prediction| / (|truth| + |prediction|). IoU: |truth ∩ prediction| / |truth ∪ prediction|. Masks are thresholded at probability 0.5, without the presence gate. Only pairs with the structure present count. Means are taken over the samples of each structure, then over structures.',
  ],
  [
    'Gated',
    'Dice and IoU with an empty mask for every structure predicted absent. The pictures of samples show gated masks and their Dice.',
  ],
  [
    'HD95, surface distance',
    'HD95: 95th percentile of the distances from one surface to the other, the larger of the two directions. Surface distance: mean over both directions. Undefined if ground truth or prediction is empty.',
  ],
  [
    'Not found',
    'Samples with a non-empty ground truth and an empty prediction. Their Dice is 0; their distances and precision are undefined.',
  ],
  ['Volume error', 'Signed: (predicted − true) / true volume, averaged. Absolute: mean of the absolute value.'],
  ['Scenario accuracy', 'Fraction of the samples in which every known structure was predicted correctly.'],
  [
    'Intervals',
    `2.5th and 97.5th percentiles of a metric over bootstrap resamples of the samples; none if fewer than ${LEAST_FOR_INTERVAL} samples define the metric. They show how much the metric would vary with other samples like these, not with other data or another training run.`,
  ],
]

/** Definitions of the metrics in the report. */
export const DEFINITIONS: Html = tag(
  'dl',
  { class: 'definitions' },
  ...ENTRIES.map(([term, meaning]) => tag('dt', {}, escaped(term)) + tag('dd', {}, escaped(meaning))),
)

import { escaped } from '../chart/svg.ts'
import { type Html, tag } from './html.ts'

const ENTRIES: readonly (readonly [term: string, meaning: string])[] = [
  [
    'Known pair',
    'A sample and a structure of which the dataset says whether it is there. Pairs of unknown presence are in no figure.',
  ],
  [
    'Presence accuracy',
    'Share of the known pairs whose presence was predicted correctly: probability above the threshold for present, not above it for absent.',
  ],
  [
    'Precision, recall, F1',
    'Of the pairs told present the share that is; of the present the share that was told so; their harmonic mean.',
  ],
  [
    'AUC ROC, AUC PR',
    'Area under the receiver operating characteristic; average precision. Undefined unless a structure is present in some samples and absent in others.',
  ],
  [
    'Absence sensitivity, specificity',
    'Of the absent pairs the share told absent; of the present pairs the share told present.',
  ],
  [
    'Calibration error (ECE)',
    'Over bins of equal width: share of the pairs in a bin times the distance of their mean probability from the share that is present, summed.',
  ],
  ['Brier score', 'Mean squared difference of the probability of presence and presence (1 or 0).'],
  [
    'Dice, IoU',
    '2·|truth ∩ prediction| / (|truth| + |prediction|); |truth ∩ prediction| / |truth ∪ prediction|. Of masks at probability 0.5, of pairs where the structure is present, without the presence gate; first the mean of a structure, then of the structures.',
  ],
  ['Gated', 'The same where a structure predicted absent gets an empty mask.'],
  [
    'HD95, surface distance',
    'The 95th percentile of the distances from one surface to the other, the larger of both directions; the mean distance over both directions. Undefined where truth or prediction is empty.',
  ],
  [
    'Not found',
    'Samples with a true mask of which nothing was predicted: their Dice is 0, and they have no distance and no precision.',
  ],
  ['Volume error', '(predicted − true) / true volume; and the mean of its absolute value.'],
  ['Scenario accuracy', 'Share of the samples all of whose known structures were predicted correctly.'],
  [
    'Intervals',
    '2.5th and 97.5th percentile of a figure over splits drawn from the samples with replacement. They tell how a figure would vary with other samples like these, not with other data or another training.',
  ],
]

/** What every figure of the report is. */
export const DEFINITIONS: Html = tag(
  'dl',
  { class: 'definitions' },
  ...ENTRIES.map(([term, meaning]) => tag('dt', {}, escaped(term)) + tag('dd', {}, escaped(meaning))),
)

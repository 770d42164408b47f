import { expect, test } from 'vitest'
import {
  COMPARED_SPLITS,
  type ComparedSplit,
  diceRows,
  overallRows,
  parseCompared,
  presenceRows,
} from '../../../src/report/comparison.ts'
import { COMPARISON_NAMES, comparisonFigure } from '../../../src/report/figures/comparison_figure.ts'
import { comparisonReport, findings } from '../../../src/report/text/comparison_report.ts'
import { InputError } from '../../../src/util/error.ts'
import { madeEvaluation, organNames } from '../made_evaluation.ts'
import { drawn, groupsOf, textsOf } from '../read_svg.ts'

/** The keys that the original writes. */
const ORIGINAL = [
  'presence_overall_accuracy',
  'presence_per_structure',
  'segmentation_per_structure',
  'segmentation_overall',
  'scenario_based',
]

function splitsOf(made: (i: number) => object): ComparedSplit[] {
  return COMPARED_SPLITS.map((name, i) => parseCompared(JSON.stringify(made(i)), name, `${name}.json`))
}

const evaluations = [0.9, 0.85, 0.7].map((skill, i) => madeEvaluation(organNames(5), { skill, seed: 5 + i }).metrics)
const ours = splitsOf(i => evaluations[i]!)
const original = splitsOf(i =>
  Object.fromEntries(Object.entries(evaluations[i]!).filter(([key]) => ORIGINAL.includes(key))),
)

test('the largest gaps as sentences: training against test, and whether the interval covers the difference', () => {
  const [train, , test] = evaluations.map(({ segmentation_overall }) => segmentation_overall.mean_dice!)
  const sentences = findings(ours)
  expect(sentences[1]).toBe(
    `Mean Dice: ${train!.toFixed(3)} on train, ${test!.toFixed(3)} on test (−${(train! - test!).toFixed(3)}); the training value lies outside the 95 % interval of the test value.`,
  )
  const drops = organNames(5).map(name => {
    const [from, , to] = evaluations.map(
      ({ segmentation_per_structure }) => segmentation_per_structure[name]!.mean_dice!,
    )
    return { name, drop: from! - to! }
  })
  const worst = drops.sort((a, b) => b.drop - a.drop)[0]!
  expect(sentences[2]).toMatch(new RegExp(`^Dice drops most from train to test for ${worst.name} `))
  const same = splitsOf(() => evaluations[0]!)
  expect(findings(same)).toContain('Dice does not drop from train to test.')
})

test('files of the original have fewer keys: missing metrics are left out', () => {
  const report = comparisonReport(original)
  expect(report).toContain('mean Dice ')
  expect(report).not.toMatch(/absence|gated|interval|NaN/)
  expect(comparisonReport(ours)).toMatch(/absence sensitivity[\s\S]*gated/)
  for (const figure of COMPARISON_NAMES) {
    const svg = comparisonFigure({ figure, splits: original })
    expect(svg).not.toMatch(/NaN|Infinity/)
    expect(drawn(svg).width).toBe(1200)
  }
})

test('figures: one dot per split with its number; gaps in order, largest drop first', () => {
  const dice = groupsOf(comparisonFigure({ figure: 'dice_by_split', splits: ours }), 'data-row')
  const values = evaluations.map(({ segmentation_per_structure }) =>
    segmentation_per_structure.heart!.mean_dice!.toFixed(3),
  )
  expect(textsOf(dice.get('heart')!)).toEqual(['heart', ...values])
  expect(dice.get('heart')!.match(/<circle/g)).toHaveLength(3)
  const panel = groupsOf(comparisonFigure({ figure: 'generalisation_gap', splits: ours }), 'data-panel').get(
    'Dice, test − train',
  )!
  const gaps = [...groupsOf(panel, 'data-row').values()].map(row => Number(textsOf(row)[1]!.replace('−', '-')))
  expect(gaps).toEqual([...gaps].sort((a, b) => a - b))
  expect(gaps).toHaveLength(5)
})

/** A split of `samples` samples in which `dice` was measured, with intervals as narrow as an old file has them. */
function small(dice: number, samples: number, f1 = 1) {
  const confidence_intervals = {
    presence_overall_accuracy: [0.99, 1],
    absence_sensitivity: null,
    absence_specificity: null,
    mean_dice: [dice, dice],
    mean_iou: null,
    dice_per_structure: { a: [dice, dice] },
  }
  return {
    presence_overall_accuracy: 1,
    presence_per_structure: {
      a: { accuracy: 1, f1_score: f1, support_positive: samples, support_negative: 0 },
      never: { accuracy: 1, f1_score: 0, support_positive: 0, support_negative: samples },
    },
    segmentation_per_structure: {
      a: { mean_dice: dice, num_samples: samples },
      never: { mean_dice: 0, num_samples: 0 },
    },
    segmentation_overall: { mean_dice: dice, mean_iou: dice },
    scenario_based: { normal: { accuracy: dice, num_samples: samples } },
    confidence_intervals,
  }
}

test('from two samples nothing is concluded, whatever intervals an older file has', () => {
  const splits = splitsOf(i => small([0.9, 0.8, 0.5][i]!, 2))
  expect(findings(splits)).toEqual([
    'Presence accuracy: 1.000 on train, 1.000 on test (+0.000).',
    'Mean Dice: 0.900 on train, 0.500 on test (−0.400).',
    'Only 2 samples on train: no intervals, and any difference may be chance.',
    'Only 2 samples on test: no intervals, and any difference may be chance.',
  ])
  for (const row of [...overallRows(splits), ...diceRows(splits)]) expect(row.intervals).toEqual([null, null, null])
  expect(comparisonReport(splits)).toMatch(/^test +test\.json \(2 samples\)$/m)
  const panel = groupsOf(comparisonFigure({ figure: 'generalisation_gap', splits }), 'data-row')
  expect(panel.get('a')).toContain('fill-opacity="0.3"')
  const enough = splitsOf(i => small([0.9, 0.8, 0.5][i]!, 5))
  expect(findings(enough)).toContain(
    'Mean Dice: 0.900 on train, 0.500 on test (−0.400); the training value lies outside the 95 % interval of the test value.',
  )
  expect(findings(enough)).toContain('Dice drops most from train to test for a (0.900 to 0.500, −0.400).')
  expect(findings(enough).join()).not.toContain('chance')
  const half = splitsOf(i => ({
    ...small([0.9, 0.8, 0.5][i]!, 5),
    scenario_based: { normal: { accuracy: 1, num_samples: 5 }, rare: { accuracy: 1 - i / 2, num_samples: 1 } },
  }))
  expect(findings(half)).toContain(
    'Scenario accuracy does not drop from train to test (without 1 of 2 that have fewer than 5 samples).',
  )
})

test('a structure without positives is undefined, though other programs write 0: a dash, no dot, no bar', () => {
  const splits = splitsOf(i => small(0.9 - i / 10, 6))
  expect(presenceRows(splits, 'f1_score')[1]).toMatchObject({ name: 'never', values: [null, null, null] })
  expect(diceRows(splits)[1]).toMatchObject({ name: 'never', values: [null, null, null] })
  expect(comparisonReport(splits)).toMatch(/^never +– +– +– +–$/m)
  const panels = groupsOf(comparisonFigure({ figure: 'presence_by_split', splits }), 'data-panel')
  const never = groupsOf(panels.get('F1')!, 'data-row').get('never')!
  expect(textsOf(never)).toEqual(['never', '–', '–', '–'])
  expect(never).not.toContain('<circle')
  const gaps = groupsOf(comparisonFigure({ figure: 'generalisation_gap', splits }), 'data-panel')
  const gap = groupsOf(gaps.get('Dice, test − train')!, 'data-row').get('never')!
  expect([textsOf(gap), gap.includes('<rect')]).toEqual([['never', '–'], false])
})

test('a metric that one split lacks is a dash; Python’s NaN is undefined; hostile names are text', () => {
  const name = '<script>"NaN"'
  const text = (dice: string): string =>
    `{"presence_overall_accuracy": NaN, "segmentation_overall": {"mean_dice": ${dice}, "mean_iou": -Infinity},
      "presence_per_structure": {${JSON.stringify(name)}: {"accuracy": 0.5}}, "segmentation_per_structure": {}}`
  const splits = COMPARED_SPLITS.map(split => parseCompared(text(split === 'val' ? 'null' : '0.25'), split, split))
  expect(splits[0]!.metrics.presence_overall_accuracy).toBeNull()
  expect(Object.keys(splits[0]!.metrics.presence_per_structure)).toEqual([name])
  expect(comparisonReport(splits)).toMatch(/mean Dice +0\.2500 +– +0\.2500/)
  for (const figure of COMPARISON_NAMES) expect(comparisonFigure({ figure, splits })).not.toMatch(/<script|NaN[^"]*"\)/)
})

test.each([
  ['', 'some.json:1:1: found the end, expected a JSON value'],
  ['{"a": NaN,\n "b": -Infinity, c}', 'some.json:2:18: found c, expected a key in double quotes'],
  ['[]', 'not the detailed_metrics.json of an evaluation'],
  ['{"presence_overall_accuracy": "high"}', 'presence_overall_accuracy'],
  ['{"presence_overall_accuracy": 1, "presence_per_structure": {"liver": 3}}', 'presence_per_structure.liver'],
])('%s is not an evaluation: one line says so', (text, said) => {
  const failing = (): unknown => parseCompared(text, 'val', 'some.json')
  expect(failing).toThrow(InputError)
  expect(failing).toThrow(said)
  expect(failing).toThrow(/^some\.json:[^\n]*$/)
})

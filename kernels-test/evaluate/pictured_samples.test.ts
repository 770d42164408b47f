import { expect, test } from 'vitest'
import { choosePictured } from '../../src/evaluate/pictured_samples.ts'
import type { CaseRow } from '../../src/report/case_row.ts'

function row(sample: number, change: Partial<CaseRow>): CaseRow {
  return {
    sample,
    subject: `subject ${sample}`,
    scenario: '',
    structure: 'a',
    present: 1,
    presence_probability: 0.9,
    predicted_present: 1,
    dice: 0.5,
    gated_dice: change.dice === undefined ? 0.5 : change.dice,
    iou: null,
    precision: null,
    recall: null,
    hd95: null,
    surface_distance: null,
    true_volume: 0,
    predicted_volume: 0,
    distance_unit: 'voxel',
    ...change,
  }
}

const dice = [0.5, 0.9, 0.1, 0.7, 0.3, 0.6, 0.8]
const rows = [
  ...dice.map((value, sample) => row(sample, { dice: value })),
  row(7, { present: 0, dice: null, presence_probability: 0.2, predicted_present: 0 }),
  // of two absences that were missed the surer one, and a presence that was
  row(3, { present: 0, dice: null, presence_probability: 0.6 }),
  row(5, { present: 0, dice: null, presence_probability: 0.8 }),
  row(6, { presence_probability: 0.1, predicted_present: 0, dice: 0.8 }),
]
const chosen = (count: number, of = rows): [number, string][] =>
  choosePictured(of, count).map(({ sample, reason }) => [sample, reason])

test('the worst, the median, the best, wrong presence, then from the worst up; no sample twice', () => {
  expect(chosen(8)).toStrictEqual([
    [2, 'lowest mean Dice'],
    [5, 'median mean Dice, an absent structure predicted present'],
    [1, 'highest mean Dice'],
    [6, 'a present structure predicted absent'],
    [4, 'low mean Dice'],
    [0, 'low mean Dice'],
    [3, 'low mean Dice'],
    [7, 'no structure present'],
  ])
  expect(choosePictured(rows, 1)).toStrictEqual([
    { sample: 2, subject: 'subject 2', scenario: '', reason: 'lowest mean Dice', meanDice: 0.1 },
  ])
  expect(chosen(0)).toStrictEqual([])
})

test('the absence that was missed most surely', () => {
  const surer = [...rows, row(4, { present: 0, dice: null, presence_probability: 0.85 })]
  expect(chosen(4, surer)).toStrictEqual([
    [2, 'lowest mean Dice'],
    [5, 'median mean Dice'],
    [1, 'highest mean Dice'],
    [4, 'an absent structure predicted present'],
  ])
})

import {
  byGap,
  type ComparedRow,
  type ComparedSplit,
  diceRows,
  gapOf,
  overallRows,
  presenceRows,
  scenarioRows,
} from '../comparison.ts'
import { table } from './table.ts'

const NAMED = 3 // gaps that are put into words
const SMALL = 0.005 // a change below it is called none

/** analysis_report.txt: what the splits have in common and where they differ most. */
export function comparisonReport(splits: readonly ComparedSplit[]): string {
  const sections: [string, ComparedRow[]][] = [
    ['Overall', overallRows(splits)],
    ['Dice of each structure', diceRows(splits)],
    ['Presence accuracy of each structure', presenceRows(splits, 'accuracy')],
    ['Scenarios (samples with every structure predicted correctly)', scenarioRows(splits)],
  ]
  const lines = [
    'SADAAN: training, validation and test compared',
    '',
    ...splits.map(({ name, path }) => `${name.padEnd(6)} ${path}`),
    '',
    ...findings(splits),
    ...sections.flatMap(([title, rows]) => (rows.length ? ['', title, ...tableOf(splits, rows)] : [])),
    '',
    'test − train: below zero a figure is worse on the test split. A dash: undefined, or not in the file.',
  ]
  return `${lines.join('\n')}\n`
}

/** The largest gaps in words. */
export function findings(splits: readonly ComparedSplit[]): string[] {
  const overall = overallRows(splits).filter(({ name }) => name === 'presence accuracy' || name === 'mean Dice')
  return [
    ...overall.flatMap(change),
    ...falls('Dice', diceRows(splits)),
    ...falls('Presence accuracy', presenceRows(splits, 'accuracy')),
    ...falls('The share predicted correctly', scenarioRows(splits)),
  ]
}

/** From training to test; within or outside the test's interval where there is one. */
function change(row: ComparedRow): string[] {
  const gap = gapOf(row)
  if (gap === null) return []
  const [train, , test] = row.values
  const name = `${row.name[0]!.toUpperCase()}${row.name.slice(1)}`
  const interval = row.intervals[2]
  const chance = !interval
    ? ''
    : train! >= interval[0] && train! <= interval[1]
      ? '; the training figure lies within the 95 % interval of the test'
      : '; the training figure lies outside the 95 % interval of the test'
  return [`${name}: ${train!.toFixed(3)} on train, ${test!.toFixed(3)} on test (${signed(gap)})${chance}.`]
}

function falls(what: string, rows: readonly ComparedRow[]): string[] {
  const gaps = byGap(rows)
  if (gaps.length === 0) return []
  const fallen = gaps.filter(({ gap }) => gap < -SMALL).slice(0, NAMED)
  if (fallen.length === 0) return [`${what} falls nowhere from train to test.`]
  const named = fallen.map(
    ({ row, gap }) => `${row.name} (${row.values[0]!.toFixed(3)} to ${row.values[2]!.toFixed(3)}, ${signed(gap)})`,
  )
  return [`${what} falls most from train to test for ${named.join(', ')}.`]
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`
}

function tableOf(splits: readonly ComparedSplit[], rows: readonly ComparedRow[]): string[] {
  const shown = (value: number | null): string => (value === null ? '-' : value.toFixed(4))
  const columns = [
    { heading: '', align: 'left' as const },
    ...[...splits.map(({ name }) => name as string), 'test − train'].map(heading => ({
      heading,
      align: 'right' as const,
    })),
  ]
  const cells = rows.map(row => {
    const gap = gapOf(row)
    return [row.name.replace(/\s+/g, ' '), ...row.values.map(shown), gap === null ? '-' : signed(gap)]
  })
  return table(columns, cells)
}

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
import { signed } from './number_text.ts'
import { table } from './table.ts'

const NAMED = 3 // gaps that are listed
const SMALL = 0.005 // smaller drops do not count

/** analysis_report.txt: the splits side by side, and where they differ most. */
export function comparisonReport(splits: readonly ComparedSplit[]): string {
  const sections: [string, ComparedRow[]][] = [
    ['Overall', overallRows(splits)],
    ['Dice of each structure', diceRows(splits)],
    ['Presence accuracy of each structure', presenceRows(splits, 'accuracy')],
    ['Scenarios (samples with every structure predicted correctly)', scenarioRows(splits)],
  ]
  const lines = [
    'SADAAN: comparison of training, validation and test',
    '',
    ...splits.map(({ name, path }) => `${name.padEnd(6)} ${path}`),
    '',
    ...findings(splits),
    ...sections.flatMap(([title, rows]) => (rows.length ? ['', title, ...tableOf(splits, rows)] : [])),
    '',
    'test − train: negative is worse on test. A dash: undefined or not in the file.',
  ]
  return `${lines.join('\n')}\n`
}

/** The largest gaps, as sentences. */
export function findings(splits: readonly ComparedSplit[]): string[] {
  const overall = overallRows(splits).filter(({ name }) => name === 'presence accuracy' || name === 'mean Dice')
  return [
    ...overall.flatMap(change),
    ...drops('Dice', diceRows(splits)),
    ...drops('Presence accuracy', presenceRows(splits, 'accuracy')),
    ...drops('Scenario accuracy', scenarioRows(splits)),
  ]
}

/** From training to test, and whether the training value lies within the interval of the test value. */
function change(row: ComparedRow): string[] {
  const gap = gapOf(row)
  if (gap === null) return []
  const [train, , test] = row.values
  const name = `${row.name[0]!.toUpperCase()}${row.name.slice(1)}`
  const interval = row.intervals[2]
  const verdict = !interval
    ? ''
    : train! >= interval[0] && train! <= interval[1]
      ? '; the training value lies within the 95 % interval of the test value'
      : '; the training value lies outside the 95 % interval of the test value'
  return [`${name}: ${train!.toFixed(3)} on train, ${test!.toFixed(3)} on test (${signed(gap)})${verdict}.`]
}

function drops(what: string, rows: readonly ComparedRow[]): string[] {
  const gaps = byGap(rows)
  if (gaps.length === 0) return []
  const dropped = gaps.filter(({ gap }) => gap < -SMALL).slice(0, NAMED)
  if (dropped.length === 0) return [`${what} does not drop from train to test.`]
  const named = dropped.map(
    ({ row, gap }) => `${row.name} (${row.values[0]!.toFixed(3)} to ${row.values[2]!.toFixed(3)}, ${signed(gap)})`,
  )
  return [`${what} drops most from train to test for ${named.join(', ')}.`]
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

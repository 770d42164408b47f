import {
  byGap,
  type ComparedRow,
  type ComparedSplit,
  diceRows,
  gapOf,
  isChancy,
  isFew,
  overallRows,
  presenceRows,
  samplesOf,
  scenarioRows,
} from '../comparison.ts'
import { contradictions } from '../comparison_facts.ts'
import { LEAST_FOR_INTERVAL } from '../detailed_metrics.ts'
import { metricText, signed } from './number_text.ts'
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
    ...splits.map(headOf),
    ...contradictions(splits).map(line => `warning: ${line}`),
    '',
    ...findings(splits),
    ...sections.flatMap(([title, rows]) => (rows.length ? ['', title, ...tableOf(splits, rows)] : [])),
    '',
    'test − train: negative is worse on test. A dash: undefined or not in the file.',
    `Intervals and the largest drops: from ${LEAST_FOR_INTERVAL} samples on train and on test.`,
  ]
  return `${lines.join('\n')}\n`
}

/** The file of a split, and how many samples it is about. */
function headOf(split: ComparedSplit): string {
  const samples = samplesOf(split)
  return `${split.name.padEnd(6)} ${split.path}${samples === null ? '' : ` (${counted(samples)})`}`
}

function counted(samples: number): string {
  return `${samples} sample${samples === 1 ? '' : 's'}`
}

/** The largest gaps, as sentences. */
export function findings(splits: readonly ComparedSplit[]): string[] {
  const overall = overallRows(splits).filter(({ name }) => name === 'presence accuracy' || name === 'mean Dice')
  return [
    ...overall.flatMap(change),
    ...splits.flatMap(warned),
    ...drops('Dice', diceRows(splits)),
    ...drops('Presence accuracy', presenceRows(splits, 'accuracy')),
    ...drops('Scenario accuracy', scenarioRows(splits)),
  ]
}

/** That a split is too small to conclude from. Validation is not part of any gap. */
function warned(split: ComparedSplit): string[] {
  const samples = samplesOf(split)
  if (samples === null || !isFew(samples) || split.name === 'val') return []
  return [`Only ${counted(samples)} on ${split.name}: no intervals, and any difference may be chance.`]
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
  const all = byGap(rows)
  const gaps = all.filter(({ row }) => !isChancy(row))
  if (gaps.length === 0) return []
  const dropped = gaps.filter(({ gap }) => gap < -SMALL).slice(0, NAMED)
  const left = all.length - gaps.length
  const note = left ? ` (without ${left} of ${all.length} that have fewer than ${LEAST_FOR_INTERVAL} samples)` : ''
  if (dropped.length === 0) return [`${what} does not drop from train to test${note}.`]
  const named = dropped.map(
    ({ row, gap }) => `${row.name} (${row.values[0]!.toFixed(3)} to ${row.values[2]!.toFixed(3)}, ${signed(gap)})`,
  )
  return [`${what} drops most from train to test for ${named.join(', ')}${note}.`]
}

function tableOf(splits: readonly ComparedSplit[], rows: readonly ComparedRow[]): string[] {
  const columns = [
    { heading: '', align: 'left' as const },
    ...[...splits.map(({ name }) => name as string), 'test − train'].map(heading => ({
      heading,
      align: 'right' as const,
    })),
  ]
  const cells = rows.map(row => {
    const gap = gapOf(row)
    return [row.name.replace(/\s+/g, ' '), ...row.values.map(metricText), signed(gap)]
  })
  return table(columns, cells)
}

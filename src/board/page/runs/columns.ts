import type { RunRow, RunTable, Setting } from '../../wire/runs.ts'
import { durationText, numberText, timeText } from '../data/text.ts'
import type { Value } from './filter.ts'

export interface Column {
  /** what filters call it */
  key: string
  title: string
  /** the title where there is little room */
  short: string
  /** for sorting and filtering */
  value: (row: RunRow, index: number, now: number) => Value
  text: (value: Value, row: RunRow) => string
  isNumber: boolean
}

/** Milliseconds that a run has taken so far. */
export function durationOf({ started, stopped }: RunRow, now: number): number | undefined {
  return started === undefined ? undefined : (stopped ?? now) - started
}

const plain = (value: Value): string => (value === null || value === undefined ? '' : String(value))
const figure = (value: Value, { isScanned }: RunRow): string => (isScanned ? numberText(value as number) : '…')

const FIXED: readonly Omit<Column, 'short'>[] = [
  { key: 'status', title: 'Status', value: row => row.status, text: plain, isNumber: false },
  { key: 'name', title: 'Run', value: row => row.id, text: plain, isNumber: false },
  { key: 'comment', title: 'Comment', value: row => row.comment, text: plain, isNumber: false },
  {
    key: 'started',
    title: 'Started',
    value: row => row.started,
    text: value => timeText(value as number),
    isNumber: true,
  },
  {
    key: 'duration',
    title: 'Duration',
    value: (row, _, now) => durationOf(row, now),
    text: value => durationText(value as number),
    isNumber: true,
  },
  {
    key: 'epochs',
    title: 'Epochs',
    value: row => row.epochs,
    text: (value, { planned }) =>
      value === undefined ? '' : `${value}${planned === undefined ? '' : ` / ${planned}`}`,
    isNumber: true,
  },
  { key: 'loss', title: 'Best loss', value: row => row.bestLoss, text: figure, isNumber: true },
  { key: 'dice', title: 'Best Dice', value: row => row.bestDice, text: figure, isNumber: true },
]

/** The columns of the table: the fixed ones, then every setting in which runs differ. */
export function columnsOf({ differing }: Pick<RunTable, 'differing'>): Column[] {
  const endOf = (key: string): string => key.split('.').at(-1)!
  const ends = Object.keys(differing).map(endOf)
  const settings = Object.entries(differing).map(([key, values]): Column => {
    const isNumber = values.some(value => typeof value === 'number')
    const isOnly = ends.filter(end => end === endOf(key)).length === 1
    const short = isOnly ? endOf(key) : key
    return { key, title: key, short, value: (_, index) => values[index], text: plain, isNumber }
  })
  return [...FIXED.map(column => ({ ...column, short: column.title })), ...settings]
}

/** Order of two values of a column: numbers, then text, then nothing. */
export function compareValues(a: Value, b: Value): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const rank = (value: Value): number => (value === undefined || value === null ? 2 : typeof value === 'number' ? 0 : 1)
  // runs 2 and 10 in this order
  return rank(a) - rank(b) || String(a).localeCompare(String(b), 'en', { numeric: true })
}

/** What a filter compares under a key: a column, or a setting that all runs share. */
export function valueUnder(key: string, row: number, table: RunTable, columns: readonly Column[], now: number): Value {
  const column = columns.find(each => each.key === key)
  if (column) return column.value(table.rows[row]!, row, now)
  return table.common[key] as Setting
}

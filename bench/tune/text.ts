import { type Column, short, textTable } from '../table.ts'
import type { TuneLine, TuneReport } from './tune.ts'

/** Fastest first, e.g. 'winograd 3.5, direct 6.8'. */
function timesText({ milliseconds }: TuneLine): string {
  return Object.entries(milliseconds)
    .sort(([, a], [, b]) => a - b)
    .map(([variant, time]) => `${variant} ${short(time)}`)
    .join(', ')
}

export function tuneLine(line: TuneLine): string {
  return `${line.signature}: ${line.variant} (${timesText(line)} ms)`
}

export const TUNE_COLUMNS: readonly Column<TuneLine>[] = [
  { title: 'call', value: ({ signature }) => signature },
  { title: 'chosen', value: ({ variant, rules }) => (variant === rules ? variant : `${variant}, not ${rules}`) },
  { title: 'ms', value: timesText },
]

export function tuneHeader({ adapter, measured, changed, left, seconds, files }: TuneReport): string {
  return [
    `adapter   ${adapter}`,
    `measured  ${measured} calls in ${seconds.toFixed(0)} s; ${changed} differ from the rules, ${left} not measured`,
    ...files.map(file => `written   ${file}`),
  ].join('\n')
}

export function tuneText(report: TuneReport): string {
  return `${tuneHeader(report)}\n\n${textTable(report.calls, TUNE_COLUMNS)}`
}

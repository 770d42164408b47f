import { UNDEFINED } from '../../util/statistics.ts'
import type { CaseRow } from '../case_row.ts'
import { FAINT, fitted, text } from '../chart/svg.ts'
import type { DetailedMetrics, Interval } from '../detailed_metrics.ts'
import type { ReportHead } from '../text/evaluation_report.ts'

export const MARGIN = 24 // pixels, around every figure
export const FIGURE_WIDTH = 1200 // width of a figure
export const HEAD = 70 // height of title and subtitle

/** Title and subtitle of a figure. */
export function figureHead(title: string, subtitle: string): string {
  return [
    text(MARGIN, 30, fitted(title, FIGURE_WIDTH - 2 * MARGIN, 17), { size: 17, bold: true }),
    text(MARGIN, 50, fitted(subtitle, FIGURE_WIDTH - 2 * MARGIN, 12), { size: 12, fill: FAINT }),
  ].join('')
}

/** A metric and its interval, with three decimals by default. */
export function valueLabel(value: number | null | undefined, interval?: Interval, digits = 3): string {
  if (value === null || value === undefined) return UNDEFINED
  return interval ? `${value.toFixed(digits)} (${intervalLabel(interval, digits)})` : value.toFixed(digits)
}

export function intervalLabel([low, high]: readonly [number, number], digits = 3): string {
  return `${low.toFixed(digits)}–${high.toFixed(digits)}`
}

/** `1 sample`, `2 samples`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** The results of an evaluation, as its figures show them. */
export interface EvaluationResults {
  head: ReportHead
  metrics: DetailedMetrics
  /** every known pair */
  cases: readonly CaseRow[]
}

/** Names of the evaluation figures, in the report and on disk. */
export const FIGURE_NAMES = [
  'presence_detection_metrics',
  'segmentation_metrics',
  'scenario_analysis',
  'confusion_matrices',
] as const

export type FigureName = (typeof FIGURE_NAMES)[number]

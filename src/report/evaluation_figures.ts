import type { CaseRow } from './case_row.ts'
import type { DetailedMetrics } from './detailed_metrics.ts'
import type { ReportHead } from './text/evaluation_report.ts'

/** An evaluation as its figures show it. */
export interface EvaluationFigures {
  head: ReportHead
  metrics: DetailedMetrics
  /** every known pair */
  cases: readonly CaseRow[]
}

/** How the report and the files call its figures. */
export const FIGURE_NAMES = [
  'presence_detection_metrics',
  'segmentation_metrics',
  'scenario_analysis',
  'confusion_matrices',
] as const

export type FigureName = (typeof FIGURE_NAMES)[number]

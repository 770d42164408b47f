import type { Config } from '../config/schema.ts'
import type { SplitName } from '../data/dataset/split.ts'
import type { Ranks } from '../distributed/ranks.ts'
import type { CaseRow } from '../report/case_row.ts'
import type { DetailedMetrics } from '../report/detailed_metrics.ts'
import type { SampleView } from '../report/sample/view.ts'
import type { ReportHead } from '../report/text/evaluation_report.ts'
import type { WeightPaths } from '../run/ensemble.ts'
import type { PicturedSample } from './pictured_samples.ts'

export interface EvaluationRequest {
  config: Config
  /** overrides the model's */
  presenceThreshold?: number
  weights: WeightPaths
  dataset: string
  split: SplitName
  /** folder for the results */
  output: string
  /** replace files there that are not results of this program */
  overwrite?: boolean
  /** also write evaluated_masks.h5 */
  masks?: boolean
  /** number of samples passed to `visit`; default 0 */
  pictures?: number
  /** receives selected samples one at a time, after the metrics are written; its promise is awaited */
  visit?(sample: EvaluatedSample): void | Promise<void>
  /** receives the lines that a user wants to see */
  say(line: string): void
  /** the processes that share the samples; this one alone by default */
  ranks?: Ranks
  progress(samples: number, all: number): void
  /** hears how many kernels are compiled, before the first batch */
  compiling?(done: number, all: number): void
}

/** A selected sample with its masks and attention maps. */
export interface EvaluatedSample extends PicturedSample {
  /** its title has sample, subject, scenario and reason; `prediction` is gated by presence, as at inference */
  view: SampleView
}

export interface Evaluation {
  /** what was evaluated */
  head: ReportHead
  metrics: DetailedMetrics
  /** one per known pair of sample and structure */
  cases: CaseRow[]
  samples: number
  /** the samples passed to `visit`, in this order */
  pictured: PicturedSample[]
  /** detailed_metrics.json, evaluation_report.txt, cases.csv, and evaluated_masks.h5 if it was asked for */
  files: { metrics: string; report: string; cases: string; masks?: string }
}

import type { Config } from '../config/schema.ts'
import type { SplitName } from '../data/dataset/split.ts'
import type { CaseRow } from '../report/case_row.ts'
import type { DetailedMetrics } from '../report/detailed_metrics.ts'
import type { SampleView } from '../report/sample/view.ts'
import type { ReportHead } from '../report/text/evaluation_report.ts'
import type { PicturedSample } from './pictured_samples.ts'

export interface EvaluationRequest {
  config: Config
  /** wins over the one that the model was trained with */
  presenceThreshold?: number
  /** path of .pth or safetensors */
  weights: string
  dataset: string
  split: SplitName
  /** folder that the results go to */
  output: string
  /** how many samples `visit` gets; none if not given */
  pictures?: number
  /** Gets chosen samples again, one after another, when the figures are written; what it promises is waited for. */
  visit?(sample: EvaluatedSample): void | Promise<void>
  /** gets the lines a user wants to see */
  say(line: string): void
  progress(samples: number, all: number): void
}

/** A sample that was chosen to be looked at, with its masks and attention maps. */
export interface EvaluatedSample extends PicturedSample {
  /** titled with sample, subject, scenario and reason; `prediction` is gated by presence, as at inference */
  view: SampleView
}

export interface Evaluation {
  /** what was evaluated */
  head: ReportHead
  metrics: DetailedMetrics
  /** one a known pair of sample and structure */
  cases: CaseRow[]
  samples: number
  /** those that `visit` got, in its order */
  pictured: PicturedSample[]
  /** detailed_metrics.json, evaluation_report.txt, cases.csv */
  files: { metrics: string; report: string; cases: string }
}

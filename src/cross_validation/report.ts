import { join, relative } from 'node:path'
import type { CrossValidation } from '../report/cross_validation.ts'
import { crossValidationReport } from '../report/text/cross_validation_report.ts'
import { compareWith } from '../score/comparison.ts'
import { metricsOf } from '../score/metrics.ts'
import { writeJson, writeText } from '../util/whole_file.ts'
import type { FoldScore } from './fold.ts'
import { PLACES, placesOf } from './places.ts'
import type { FoldPlan } from './plan.ts'

export interface ReportRequest {
  output: string
  plan: FoldPlan
  /** of every fold, in order */
  scores: readonly FoldScore[]
  flips: boolean
  against?: string | undefined
}

/** Puts the folds together in report.json and report.txt, which depend on nothing but them. Throws InputError as compareWith does. */
export function writeReport({ output, plan, scores, flips, against }: ReportRequest): CrossValidation {
  const { folds, seed, structure_names: names } = plan
  const cases = scores.flatMap(({ fold, cases }) => cases.map(pair => ({ ...pair, fold })))
  const comparison =
    against === undefined ? undefined : compareWith({ scored: cases, structureNames: names, against, seed })
  const report: CrossValidation = {
    folds,
    seed,
    model: 'after the last epoch',
    flips,
    structure_names: names,
    per_fold: scores.map(({ fold, epochs, cases }) => ({
      fold,
      weights: relative(output, placesOf(output, fold).model),
      epochs,
      ...metricsOf(cases, names, seed),
    })),
    ...metricsOf(cases, names, seed),
    ...(comparison && { comparison }),
    cases,
  }
  writeJson(join(output, PLACES.report), report)
  writeText(join(output, PLACES.text), crossValidationReport(report))
  return report
}

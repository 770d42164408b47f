import type { CrossValidation } from '../report/cross_validation.ts'
import { finishedScore, runFold } from './fold.ts'
import type { FoldPlan } from './plan.ts'
import { prepare } from './prepare.ts'
import { writeReport } from './report.ts'
import { type CrossValidationRequest, StoppedError } from './request.ts'
import { checkRequest, checkSettings, writeSettings } from './settings.ts'

export interface CrossValidationResult {
  /** false: the user stopped it */
  isFinished: boolean
  /** folds that are not finished */
  missing: number[]
  /** undefined while folds are missing */
  report: CrossValidation | undefined
}

/**
 * K-fold cross-validation. Imports all scans once, then for each fold trains on the subjects of the others, predicts its own in the space of
 * their scans, and scores them. Can be killed at any moment and started again with the same request: finished folds stay, a training resumes, what
 * was half predicted is predicted again, and the report is the same. Throws what these steps throw, and InputError if the folder was begun
 * otherwise.
 */
export async function crossValidate(request: CrossValidationRequest): Promise<CrossValidationResult> {
  checkRequest(request)
  checkSettings(request)
  try {
    const plan = await prepare(request)
    writeSettings(request) // of this start: its configuration may be another as long as there is no model
    const isFinished = await runFolds(request, plan)
    return isFinished ? finished(request, plan) : stopped(request)
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error
    return stopped(request)
  }
}

/** Returns false if stopped. */
async function runFolds(request: CrossValidationRequest, plan: FoldPlan): Promise<boolean> {
  const { output, console, stop, folds, only = foldsOf(folds) } = request
  for (const fold of only) {
    if (finishedScore(output, fold)) {
      console.line(`fold ${fold}: finished already`)
      continue
    }
    if (stop.aborted) return false
    console.line(`fold ${fold}, of ${folds} folds`)
    if (!(await runFold(request, plan, fold))) return false
  }
  return true
}

function foldsOf(count: number): number[] {
  return [...Array(count).keys()]
}

function finished(
  { output, folds, flips = false, against }: CrossValidationRequest,
  plan: FoldPlan,
): CrossValidationResult {
  const scores = foldsOf(folds).map(fold => finishedScore(output, fold))
  const missing = foldsOf(folds).filter(fold => scores[fold] === undefined)
  if (missing.length > 0) return { isFinished: true, missing, report: undefined }
  const found = scores.filter(score => score !== undefined)
  return { isFinished: true, missing, report: writeReport({ output, plan, scores: found, flips, against }) }
}

function stopped({ output, folds }: CrossValidationRequest): CrossValidationResult {
  const missing = foldsOf(folds).filter(fold => finishedScore(output, fold) === undefined)
  return { isFinished: false, missing, report: undefined }
}

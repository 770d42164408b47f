import { Ranks } from '../distributed/ranks.ts'
import type { CrossValidation } from '../report/cross_validation.ts'
import { adapterOfRank } from '../run/rank_adapter.ts'
import { finishedScore, runFold } from './fold.ts'
import { type FoldPlan, readPlan } from './plan.ts'
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
  const { ranks = Ranks.alone() } = request
  checkRequest(request)
  checkSettings(request)
  const plan = await unlessStopped(() => prepare(request))
  if (plan) writeSettings(request) // of this start: its configuration may be another as long as there is no model
  const dealt = plan ? deal(request, ranks) : undefined
  await ranks.gatherValues(dealt ?? null)
  if (!plan || !dealt) return stopped(request)
  const isFinished = await runFolds(await onOwnAdapter(request, ranks), plan, dealt[0]!)
  const all = await ranks.gatherValues(isFinished)
  return all.includes(false) ? stopped(request) : finished(request, plan)
}

/**
 * What another rank than the first does for its `crossValidate`: it runs the folds that are dealt to it, each alone. Returns false if stopped.
 * `request` is that of the first.
 */
export async function helpCrossValidate(request: CrossValidationRequest & { ranks: Ranks }): Promise<boolean> {
  const { output, ranks } = request
  ranks.timeout = Number.POSITIVE_INFINITY
  const [dealt] = await ranks.gatherValues<number[][] | null>(null)
  if (!dealt) return false
  const plan = readPlan(output)
  const isFinished = await runFolds(await onOwnAdapter(request, ranks), plan, dealt[ranks.rank]!)
  return !(await ranks.gatherValues(isFinished)).includes(false)
}

/** The folds that each rank shall run: of those that are not finished, in turn. */
function deal({ output, folds, console, only = foldsOf(folds) }: CrossValidationRequest, ranks: Ranks): number[][] {
  ranks.timeout = Number.POSITIVE_INFINITY // a fold takes hours, one longer than another
  const open = only.filter(fold => !finishedScore(output, fold))
  for (const fold of only) if (!open.includes(fold)) console.line(`fold ${fold}: finished already`)
  if (ranks.size > 1)
    for (const [i, fold] of open.entries()) {
      const { rank, host } = ranks.members[i % ranks.size]!
      console.line(`fold ${fold}: rank ${rank} on ${host}`)
    }
  return Array.from({ length: ranks.size }, (_, rank) => open.filter((_, i) => i % ranks.size === rank))
}

/** With the adapter of this rank, which trains alone. */
async function onOwnAdapter(request: CrossValidationRequest, ranks: Ranks): Promise<CrossValidationRequest> {
  if (ranks.size === 1) return request
  const { config } = request
  const adapter = (await adapterOfRank(ranks, config)) ?? null
  return { ...request, config: { ...config, compute: { ...config.compute, adapter } } }
}

/** Runs folds one after another. Returns false if stopped. */
async function runFolds(request: CrossValidationRequest, plan: FoldPlan, own: readonly number[]): Promise<boolean> {
  const { console, stop, folds } = request
  for (const fold of own) {
    if (stop.aborted) return false
    console.line(`fold ${fold}, of ${folds} folds`)
    if (!(await unlessStopped(() => runFold(request, plan, fold)))) return false
  }
  return true
}

/** Undefined if the user stops it. */
async function unlessStopped<T>(body: () => Promise<T>): Promise<T | undefined> {
  try {
    return await body()
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error
    return undefined
  }
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

import { availableParallelism } from 'node:os'
import { subjectNamer } from '../data/import/sources.ts'
import type { LabelledStructure } from '../data/import/structures.ts'
import { SurfaceThreads } from '../evaluate/surface_threads.ts'
import type { PairedComparison, ScoredPair, ScoreMetrics } from '../report/score.ts'
import { Closer } from '../util/closer.ts'
import { InputError } from '../util/error.ts'
import { type CaseRequest, findCases } from './cases.ts'
import { compareWith } from './comparison.ts'
import { metricsOf } from './metrics.ts'
import { type ScoreCase, scoreCase } from './score_case.ts'
import { structuresToScore } from './structures.ts'

export interface ScoreRequest extends Omit<CaseRequest, 'isPartial'> {
  /** default: those of a dataset.json near the labels or the predictions, or all that occur in the labels */
  structures?: readonly LabelledStructure[]
  /** a regular expression whose first group in a scan's name is the subject; default: every scan is another subject */
  subjectPattern?: string
  /** score the scans that have a prediction, although others have none; default: refuse */
  partial?: boolean
  /** path of another report to compare with */
  against?: string
  /** of the bootstrap; default 42 */
  seed?: number
  progress?(scans: number, all: number): void
}

export interface Score extends ScoreMetrics {
  predictions: string
  labels: string
  structure_names: string[]
  /** labels without a prediction, with `partial` */
  unpredicted: string[]
  notes: string[]
  comparison?: PairedComparison
  /** by scan, then by structure */
  cases: ScoredPair[]
}

export const SCORE_SEED = 42

/**
 * Compares predicted label volumes or masks, of any program, with ground truth in each scan's own space; nothing is resampled. Metrics mean what
 * they mean in `evaluate`: overlap and distances count scans whose label has the structure, presence counts every annotated one. Throws
 * InputError if files do not match.
 */
export async function scorePredictions(request: ScoreRequest): Promise<Score> {
  const { predictions, labels, partial = false, seed = SCORE_SEED, progress } = request
  const { cases, unpredicted, json, notes } = findCases({ predictions, labels, isPartial: partial })
  const structures = structuresToScore(
    request.structures,
    json,
    cases.map(({ truth }) => truth),
  )
  const structureNames = structures.map(({ name }) => name)
  const subjectOf = subjectNamer(request)
  const scored = await scoreAll(
    cases.map(each => ({ ...each, subject: subjectOf(each.name), structures, ignored: json?.ignored })),
    progress,
  )
  if (scored.length === 0) throw new InputError(`${labels}: no structure is annotated in any of its labels`)
  const { against } = request
  return {
    predictions,
    labels,
    structure_names: structureNames,
    unpredicted,
    notes,
    ...metricsOf(scored, structureNames, seed),
    ...(against !== undefined && { comparison: compareWith({ scored, structureNames, against, seed }) }),
    cases: scored,
  }
}

/** The pairs of all cases, one scan in memory at a time; its structures are measured on threads. */
export function scoreAll(
  cases: readonly ScoreCase[],
  progress?: (scans: number, all: number) => void,
): Promise<ScoredPair[]> {
  return Closer.using(async opened => {
    const most = Math.max(...cases.map(({ structures }) => structures.length))
    const threads = Math.min(availableParallelism(), most)
    const surfaces = opened.add(new SurfaceThreads(threads), each => each.close())
    const scored: ScoredPair[] = []
    for (const [i, each] of cases.entries()) {
      scored.push(...(await scoreCase(each, surfaces)))
      progress?.(i + 1, cases.length)
    }
    return scored
  })
}

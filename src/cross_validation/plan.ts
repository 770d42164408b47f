import { join } from 'node:path'
import { z } from 'zod'
import type { LabelledStructure } from '../data/import/structures.ts'
import type { SurveyedScan } from '../data/import/surveyed_scan.ts'
import { parseJson } from '../util/json.ts'
import { readText, writeJson } from '../util/whole_file.ts'
import { dealFolds } from './folds.ts'
import { foldsGiven, splitsFinal } from './given_folds.ts'
import { PLACES } from './places.ts'
import type { CrossValidationRequest } from './request.ts'

const schema = z.strictObject({
  folds: z.int().min(2),
  seed: z.int(),
  structure_names: z.array(z.string()),
  /** scans without a fold: of a test split, or without an annotation */
  left_out: z.array(z.string()),
  subjects: z.array(
    z.strictObject({
      subject: z.string(),
      fold: z.int().min(0),
      scans: z.array(
        z.strictObject({
          name: z.string(),
          images: z.array(z.string()).min(1),
          label: z.strictObject({ kind: z.enum(['volume', 'folder']), path: z.string() }),
          /** the annotated structures and what marks them in the label */
          structures: z.record(z.string(), z.array(z.union([z.int(), z.string()]))),
          /** label value of voxels that were not annotated */
          ignored: z.int().optional(),
        }),
      ),
    }),
  ),
})

/** folds.json: who is in which fold, and with which files. */
export type FoldPlan = z.infer<typeof schema>
export type PlannedSubject = FoldPlan['subjects'][number]
export type PlannedScan = PlannedSubject['scans'][number]

export interface FoldRule extends Pick<CrossValidationRequest, 'folds' | 'seed' | 'given'> {
  structureNames: readonly string[]
}

/** Deals the subjects of a survey to folds, or takes the given ones; sorted by name. `all`: the names of all scans. Throws InputError as dealFolds and foldsGiven do. */
export function planFolds(
  scans: readonly SurveyedScan[],
  { folds, seed, given, structureNames }: FoldRule,
  all: readonly string[],
): FoldPlan {
  const used = new Set(scans.map(({ name }) => name))
  const bySubject = new Map<string, SurveyedScan[]>()
  for (const scan of scans.toSorted((a, b) => (a.name < b.name ? -1 : 1)))
    bySubject.set(scan.subject, [...(bySubject.get(scan.subject) ?? []), scan])
  const patterns = [...bySubject].map(([subject, own]) => ({ subject, pattern: patternOf(own) }))
  const named = [...bySubject].map(([subject, own]) => ({ subject, scans: own.map(({ name }) => name) }))
  const foldOf = given ? foldsGiven(named, given) : dealFolds(patterns, folds, seed)
  return {
    folds,
    seed,
    structure_names: [...structureNames],
    left_out: all.filter(name => !used.has(name)).sort(),
    subjects: [...bySubject]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([subject, own]) => ({ subject, fold: foldOf.get(subject)!, scans: own.map(plannedOf) })),
  }
}

/** A subject has a structure if any of its scans shows it. */
function patternOf(scans: readonly SurveyedScan[]): string {
  return scans[0]!.presence.map((_, s) => Math.max(...scans.map(({ presence }) => presence[s]!))).join()
}

function plannedOf({ name, images, label, known, source }: SurveyedScan): PlannedScan {
  const structures = known.filter(structure => structure !== undefined)
  return {
    name,
    images,
    label: { kind: label.kind, path: label.path },
    structures: Object.fromEntries(structures.map(({ name, marks }: LabelledStructure) => [name, [...marks]])),
    ...(source.ignored === undefined ? {} : { ignored: source.ignored }),
  }
}

/** Writes folds.json, and the same for nnU-Net. */
export function writePlan(output: string, plan: FoldPlan): void {
  const named = plan.subjects.map(({ scans, ...rest }) => ({ ...rest, scans: scans.map(({ name }) => name) }))
  writeJson(join(output, PLACES.splits), splitsFinal(named, plan.folds))
  writeJson(join(output, PLACES.folds), plan)
}

/** Throws InputError if the file is missing or damaged. */
export function readPlan(output: string): FoldPlan {
  const path = join(output, PLACES.folds)
  return parseJson(readText(path, 'the folds of a cross-validation'), path, schema)
}

/** The subjects that the model of a fold has not seen, or the others. */
export function subjectsIn({ subjects }: FoldPlan, fold: number, part: 'held out' | 'trained on'): PlannedSubject[] {
  return subjects.filter(subject => (subject.fold === fold) === (part === 'held out'))
}

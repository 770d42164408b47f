import { join } from 'node:path'
import { surveyImport, writeImport } from '../data/import/import.ts'
import type { ImportOptions } from '../data/import/import_options.ts'
import { openSource } from '../data/import/sources.ts'
import { checkApart } from '../data/import/split.ts'
import type { SurveyedScan } from '../data/import/surveyed_scan.ts'
import { InputError } from '../util/error.ts'
import { factsOf } from '../util/files/lookup.ts'
import { listed } from '../util/listing.ts'
import { PLACES } from './places.ts'
import { type FoldPlan, planFolds, readPlan, writePlan } from './plan.ts'
import { type CrossValidationRequest, stoppable } from './request.ts'
import { writeSettings } from './settings.ts'

/**
 * Deals the subjects to folds and imports all of them once, as the training split of OUT/dataset; what an earlier start has done is kept. folds.json
 * comes before the dataset, whose metadata.json comes last. Throws InputError if the scans are others than those that the folder was begun with.
 */
export async function prepare(request: CrossValidationRequest): Promise<FoldPlan> {
  const { output, console } = request
  const isDone = factsOf(join(output, PLACES.dataset, 'metadata.json')) !== undefined
  if (!isDone) return importAll(request)
  const plan = readPlan(output)
  checkSameScans(request, plan)
  console.line(`${join(output, PLACES.dataset)}: the dataset exists already`)
  return plan
}

async function importAll(request: CrossValidationRequest): Promise<FoldPlan> {
  const { output, folds, seed, given, console } = request
  const options = optionsOf(request)
  const reading = stoppable(request, 'labels read')
  const surveyed = surveyImport(options, (_, done, all) => reading.update(done, all))
  reading.end()
  const scans = surveyed.survey.scans.filter(isJudged)
  checkApart(scans)
  const plan = planFolds(
    scans,
    { folds, seed, ...(given && { given }), structureNames: surveyed.survey.structureNames },
    namesIn(request),
  )
  if (plan.left_out.length > 0)
    console.line(`not in the folds, because of a test split or without an annotation: ${listed(plan.left_out)}`)
  const foldOf = new Map(plan.subjects.map(({ subject, fold }) => [subject, fold]))
  const order = new Map(plan.subjects.flatMap(({ scans }) => scans).map(({ name }, i) => [name, i]))
  const train = scans.toSorted((a, b) => order.get(a.name)! - order.get(b.name)!)
  writeSettings(request)
  writePlan(output, plan)
  const writing = stoppable(request, 'scans written')
  const report = await writeImport(
    options,
    { ...surveyed, survey: { ...surveyed.survey, scans } },
    {
      splits: { train, val: [], test: [] },
      warnings: [],
      groupOf: ({ subject }) => `fold ${foldOf.get(subject)}`,
    },
    (_, done, all) => writing.update(done, all),
  ).finally(writing.end)
  for (const line of report.skipped) console.line(`skipped: ${line}`)
  for (const line of report.warnings) console.line(`warning: ${line}`)
  return plan
}

/** What a source sets aside for testing is nobody's to train on. */
function isJudged({ split }: Pick<SurveyedScan, 'split'>): boolean {
  return split !== 'test'
}

function optionsOf({ data, output, seed }: CrossValidationRequest): ImportOptions {
  const outputDir = join(output, PLACES.dataset)
  return { ...data, outputDir, seed, validationSplit: 0, testSplit: 0, overwrite: false, skipBad: false }
}

/** The scans of the sources, by name. Reads only what a dataset.json says. */
function namesIn({ data }: CrossValidationRequest): string[] {
  const refuse = (error: InputError): never => {
    throw error
  }
  return data.sources.flatMap(source => openSource(source, refuse).scans).map(({ name }) => name)
}

/** Scans that came or went since would change the folds of others. */
function checkSameScans(request: CrossValidationRequest, { subjects, left_out }: FoldPlan): void {
  const { output } = request
  const planned = new Set(subjects.flatMap(({ scans }) => scans).map(({ name }) => name))
  const names = new Set(namesIn(request))
  const gone = [...planned].filter(name => !names.has(name))
  if (gone.length > 0)
    throw new InputError(`${join(output, PLACES.folds)}: ${listed(gone)} are in folds but no longer among the scans`)
  const added = [...names].filter(name => !planned.has(name) && !left_out.includes(name))
  if (added.length > 0)
    throw new InputError(
      `${join(output, PLACES.folds)}: ${listed(added)} came after the folds were dealt; choose another --output-dir to include them`,
    )
}

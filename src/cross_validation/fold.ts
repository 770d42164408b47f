import { join, relative } from 'node:path'
import { z } from 'zod'
import type { Config } from '../config/schema.ts'
import { readMetadata } from '../data/dataset/dataset.ts'
import { METADATA, recordAt } from '../data/dataset/existing.ts'
import { MaskFolders } from '../data/import/pairs.ts'
import { predict } from '../predict/predict.ts'
import type { ScoredPair } from '../report/score.ts'
import { ownPredictions } from '../score/predicted.ts'
import { scoreAll } from '../score/score.ts'
import type { ScoreCase } from '../score/score_case.ts'
import { type TrainingReport, train } from '../train/training.ts'
import { makeFolder } from '../util/files/folder.ts'
import { factsOf } from '../util/files/lookup.ts'
import { parseJson } from '../util/json.ts'
import { readText, writeJson } from '../util/whole_file.ts'
import { PLACES, placesOf } from './places.ts'
import { type FoldPlan, type PlannedScan, subjectsIn } from './plan.ts'
import { type CrossValidationRequest, stoppable } from './request.ts'

/** Windows of a model of patches overlap by this share of their length. */
const OVERLAP = 0.5

const schema = z.strictObject({
  fold: z.int(),
  epochs: z.int(),
  cases: z.array(z.looseObject({ scan: z.string(), subject: z.string(), structure: z.string() })),
})

/** score.json of a fold. */
export interface FoldScore {
  fold: number
  /** finished epochs */
  epochs: number
  cases: ScoredPair[]
}

/** The score of a finished fold; undefined if it is not finished. Throws InputError if it is damaged. */
export function finishedScore(output: string, fold: number): FoldScore | undefined {
  const { score } = placesOf(output, fold)
  if (factsOf(score) === undefined) return undefined
  return parseJson(readText(score), score, schema) as unknown as FoldScore
}

/**
 * Trains on the subjects of the other folds, predicts those of this one and scores the predictions in the space of their scans; goes on where an
 * earlier start ended. Returns false if the training was stopped. Throws StoppedError if something else was.
 */
export async function runFold(request: CrossValidationRequest, plan: FoldPlan, fold: number): Promise<boolean> {
  const { output } = request
  writeView(output, plan, fold)
  const training = await trainFold(request, fold)
  if (training.status !== 'COMPLETED') return false
  await predictFold(request, plan, fold)
  const cases = await scoreFold(request, plan, fold)
  writeJson(placesOf(output, fold).score, { fold, epochs: training.epochs, cases } satisfies FoldScore)
  return true
}

/** The dataset of a fold: no volumes, only who is trained on and who is held out. */
function writeView(output: string, plan: FoldPlan, fold: number): void {
  const shown = join(output, PLACES.dataset)
  const { dataset } = placesOf(output, fold)
  const { dataset_info: _, ...facts } = recordAt(join(shown, METADATA))
  const names = (part: 'held out' | 'trained on') => subjectsIn(plan, fold, part).map(({ subject }) => subject)
  const subjects = { train: names('trained on'), val: names('held out') }
  makeFolder(dataset, "a folder for the fold's dataset")
  writeJson(join(dataset, METADATA), { ...facts, view: { of: relative(dataset, shown), subjects } })
}

/**
 * The configuration of a fold. The held-out subjects are its validation split, so that its curves show them, but they decide nothing: training
 * does not stop early, and the model is that of the last epoch.
 */
function configOf({ config, output }: CrossValidationRequest, fold: number): Config {
  const { folder, dataset } = placesOf(output, fold)
  const { model, training, checkpoint } = config
  const channels = readMetadata(dataset).preparation?.intensity.length ?? 1
  return {
    ...config,
    dataset_path: dataset,
    model: { ...model, in_channels: model.in_channels === 1 ? channels : model.in_channels },
    training: { ...training, early_stopping_patience: training.num_epochs },
    checkpoint: { ...checkpoint, save_dir: folder },
  }
}

function trainFold(request: CrossValidationRequest, fold: number): Promise<TrainingReport> {
  const { identity, console, stop, output } = request
  const { runs } = placesOf(output, fold)
  return train({
    config: configOf(request, fold),
    resume: true,
    runs,
    ...(identity && { identity }),
    console,
    stop,
  })
}

async function predictFold(request: CrossValidationRequest, plan: FoldPlan, fold: number): Promise<void> {
  const { config, output, flips, console } = request
  const { model, predictions } = placesOf(output, fold)
  const { update, end } = stoppable(request, 'predicted')
  const isOfPatches = config.training.patch_size !== null || readMetadata(join(output, PLACES.dataset)).patches
  const { failed } = await predict({
    config,
    weights: model,
    input: scansIn(plan, fold).flatMap(({ images }) => images),
    split: 'val',
    output: predictions,
    raw: false,
    ...(isOfPatches && { overlap: OVERLAP }),
    ...(flips && { flips: 'trained' }),
    say: line => console.line(line),
    progress: update,
    compiling: request.progress('compiling kernels').update,
  }).finally(end)
  const [first] = failed
  if (first) throw new Error(`fold ${fold}: a held-out scan could not be predicted: ${first.reason}`)
}

function scansIn(plan: FoldPlan, fold: number): (PlannedScan & { subject: string })[] {
  return subjectsIn(plan, fold, 'held out').flatMap(({ subject, scans }) => scans.map(scan => ({ ...scan, subject })))
}

async function scoreFold(request: CrossValidationRequest, plan: FoldPlan, fold: number): Promise<ScoredPair[]> {
  const { predictions } = placesOf(request.output, fold)
  const [scans, predicted] = [scansIn(plan, fold), ownPredictions(predictions)]
  if (predicted.length !== scans.length)
    throw new Error(`${predictions}: holds ${predicted.length} scans, expected the ${scans.length} of fold ${fold}`)
  const cases = scans.map(
    ({ name, subject, label, structures, ignored }, i): ScoreCase => ({
      name,
      subject,
      truth: label.kind === 'volume' ? { ...label, kind: 'volume' } : new MaskFolders(label.path).labelAt(label.path),
      predicted: predicted[i]!.open(),
      structures: Object.entries(structures).map(([name, marks]) => ({ name, marks })),
      ignored,
    }),
  )
  const { update, end } = stoppable(request, 'scored')
  return scoreAll(cases, update).finally(end)
}

import { join } from 'node:path'
import type { Config } from '../config/schema.ts'
import type { SplitName } from '../data/dataset/split.ts'
import { type GenerateOptions, generateDataset, isGenerated } from '../data/synthetic/generate.ts'
import { evaluate } from '../evaluate/evaluate.ts'
import { EvaluationPictures } from '../evaluate/pictures.ts'
import type { Console } from '../track/console/console.ts'
import type { RunIdentity } from '../train/request.ts'
import { type TrainingReport, train } from '../train/training.ts'
import { factsOf } from '../util/files/lookup.ts'

export interface CourseRequest {
  /** dataset_path is the folder for the synthetic dataset */
  config: Config
  data: Omit<GenerateOptions, 'outputDir'>
  /** folder for everything else: sacred_runs and the evaluations of each split */
  folder: string
  splits: readonly SplitName[]
  /** reuses the results of an earlier, interrupted course; otherwise starts from scratch */
  goOn: boolean
  identity?: RunIdentity
  console: Console
  progress(what: string): { update(done: number, all: number): void; end(): void }
  stop: AbortSignal
}

const PICTURES = 3 // pictured samples per evaluation

/** The result of a course. */
export interface Course {
  /** undefined if stopped before training started */
  training: TrainingReport | undefined
  /** paths of detailed_metrics.json, next to report.html and the pictures; undefined if stopped before all splits were evaluated */
  metrics: Partial<Record<SplitName, string>> | undefined
}

/** The user stopped the generation of a dataset or an evaluation. Neither has anything to save. */
class StoppedError extends Error {
  override name = 'StoppedError'
}

/**
 * Generates a synthetic dataset, trains on it, and evaluates the best model on splits, with pictures. Throws what these throw, and InputError
 * if `goOn` finds another dataset in the folder.
 */
export async function runCourse(request: CourseRequest): Promise<Course> {
  const course: Course = { training: undefined, metrics: undefined }
  try {
    await generate(request)
    course.training = await trainHere(request)
    if (course.training.status === 'COMPLETED') course.metrics = await measureAll(request, course.training.bestPath)
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error
  }
  return course
}

async function generate(request: CourseRequest): Promise<void> {
  const { config, data, goOn, console } = request
  const options = { ...data, outputDir: config.dataset_path }
  const isThere = isGenerated(options)
  if (goOn && isThere) {
    console.line(`${options.outputDir}: the dataset exists already`)
    return
  }
  const { update, end } = stoppable(request, 'generated')
  await generateDataset(options, done => update(done, options.totalSamples)).finally(end)
}

function trainHere({ config, folder, goOn, console, identity, stop }: CourseRequest): Promise<TrainingReport> {
  const runs = join(folder, 'sacred_runs')
  return train({ config, resume: goOn, runs, ...(identity && { identity }), console, stop })
}

async function measureAll(request: CourseRequest, weights: string): Promise<Course['metrics']> {
  const metrics: Course['metrics'] = {}
  for (const split of request.splits) metrics[split] = await measure(request, weights, split)
  return metrics
}

/** Returns the path of detailed_metrics.json. */
async function measure(request: CourseRequest, weights: string, split: SplitName): Promise<string> {
  const { config, folder, goOn, console } = request
  const output = join(folder, 'evaluation', split)
  const [path, page] = [join(output, 'detailed_metrics.json'), join(output, 'report.html')]
  if (goOn && isNewer(path, weights) && isNewer(page, weights)) {
    console.line(`${path}: the evaluation exists already`)
    return path
  }
  const { update, end } = stoppable(request, 'evaluated')
  const say = (line: string): void => console.line(line)
  const dataset = config.dataset_path
  const pictures = new EvaluationPictures(output, line => say(`warning: ${line}`))
  const visit = pictures.add.bind(pictures)
  const compiling = request.progress('compiling kernels').update
  const what = { config, weights, dataset, split, output, pictures: PICTURES, visit, say, progress: update, compiling }
  await pictures.finish(await evaluate(what).finally(end))
  return path
}

/** Progress that throws StoppedError once the user stops. */
function stoppable({ progress, stop }: CourseRequest, what: string): ReturnType<CourseRequest['progress']> {
  const shown = progress(what)
  const update = (done: number, all: number): void => {
    if (stop.aborted) throw new StoppedError()
    shown.update(done, all)
  }
  return { update, end: shown.end }
}

function isNewer(path: string, than: string): boolean {
  const written = factsOf(path)
  return written !== undefined && written.mtimeMs > (factsOf(than)?.mtimeMs ?? 0)
}

import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/schema.ts'
import type { SplitName } from '../data/dataset/split.ts'
import { type GenerateOptions, generateDataset, isGenerated } from '../data/synthetic/generate.ts'
import { evaluate } from '../evaluate/evaluate.ts'
import { EvaluationPictures } from '../evaluate/pictures.ts'
import type { Console } from '../track/console/console.ts'
import type { RunIdentity } from '../train/request.ts'
import { type TrainingReport, train } from '../train/training.ts'

export interface CourseRequest {
  /** dataset_path is where the synthetic dataset goes */
  config: Config
  data: Omit<GenerateOptions, 'outputDir'>
  /** folder of everything else: sacred_runs, and the evaluations by split */
  folder: string
  splits: readonly SplitName[]
  /** what an earlier start of the same course has done is taken as it is; otherwise everything is made anew */
  goOn: boolean
  identity?: RunIdentity
  console: Console
  progress(what: string): { update(done: number, all: number): void; end(): void }
  stop: AbortSignal
}

const PICTURES = 3 // samples of each evaluation

/** What came of it. Undefined: stopped before the training was through, or within the evaluations. */
export interface Course {
  training: TrainingReport | undefined
  /** paths of detailed_metrics.json; report.html and the pictures lie beside them */
  metrics: Partial<Record<SplitName, string>> | undefined
}

/** Somebody asked to stop while a dataset was made or a model measured, which has nothing to save. */
class StoppedError extends Error {
  override name = 'StoppedError'
}

/**
 * From nothing to figures: a synthetic dataset, a training on it, the best model measured on splits, with pictures. Throws what these throw, and
 * InputError where `goOn` finds another dataset in its place.
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
  if (goOn && isGenerated(options)) {
    console.line(`${options.outputDir}: the dataset is there`)
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

/** The path of detailed_metrics.json. */
async function measure(request: CourseRequest, weights: string, split: SplitName): Promise<string> {
  const { config, folder, goOn, console } = request
  const output = join(folder, 'evaluation', split)
  const [path, page] = [join(output, 'detailed_metrics.json'), join(output, 'report.html')]
  if (goOn && isNewer(path, weights) && isNewer(page, weights)) {
    console.line(`${path}: the evaluation is there`)
    return path
  }
  const { update, end } = stoppable(request, 'evaluated')
  const say = (line: string): void => console.line(line)
  const dataset = config.dataset_path
  const pictures = new EvaluationPictures(output, line => say(`warning: ${line}`))
  const visit = pictures.add.bind(pictures)
  const what = { config, weights, dataset, split, output, pictures: PICTURES, visit, say, progress: update }
  await pictures.finish(await evaluate(what).finally(end))
  return path
}

/** Progress that ends what it tells of when somebody asks to stop. */
function stoppable({ progress, stop }: CourseRequest, what: string): ReturnType<CourseRequest['progress']> {
  const shown = progress(what)
  const update = (done: number, all: number): void => {
    if (stop.aborted) throw new StoppedError()
    shown.update(done, all)
  }
  return { update, end: shown.end }
}

function isNewer(path: string, than: string): boolean {
  const written = statSync(path, { throwIfNoEntry: false })
  return written !== undefined && written.mtimeMs > statSync(than).mtimeMs
}

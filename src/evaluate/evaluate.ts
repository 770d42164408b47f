import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Dataset, openDataset } from '../data/dataset/dataset.ts'
import type { Split } from '../data/dataset/split.ts'
import { Device } from '../gpu/device.ts'
import { casesCsv } from '../report/case_row.ts'
import { evaluationReport } from '../report/text/evaluation_report.ts'
import { formatBytes, totalOf } from '../run/memory.ts'
import { wantedAdapter } from '../run/open.ts'
import { openTrainedModel, presenceThresholdFor, type TrainedModel } from '../run/trained_model.ts'
import { Closer } from '../util/closer.ts'
import { InputError, messageOf } from '../util/error.ts'
import { withOutputFolder } from '../util/output_folder.ts'
import { writeJson, writeText } from '../util/whole_file.ts'
import type { Evaluation, EvaluationRequest } from './evaluation.ts'
import { Metrics } from './metrics.ts'
import { EvaluationPass } from './pass.ts'
import { choosePictured } from './pictured_samples.ts'
import { removePictures } from './pictures.ts'

/** An evaluation under way. */
interface Task {
  request: EvaluationRequest
  model: TrainedModel
  split: Split
  structureNames: readonly string[]
  preparation: Dataset['preparation']
  device: Device
  pass: EvaluationPass
}

/**
 * The `evaluate` command. Runs the model over one split, writes detailed_metrics.json, evaluation_report.txt and cases.csv, then passes the
 * most informative samples to `visit`. Throws InputError if weights and dataset do not match, and then writes nothing.
 */
export async function evaluate(request: EvaluationRequest): Promise<Evaluation> {
  const { config, output, say, compiling } = request
  const model = openTrainedModel(request.weights)
  const { split, structureNames, preparation } = await openSplitFor(model, request)
  return withOutputFolder(output, () =>
    Closer.using(async opened => {
      const device = opened.add(await Device.open(wantedAdapter(config)), each => each.close())
      const pass = opened.add(await EvaluationPass.open(device, { model, split, config, say, compiling }), each =>
        each.close(),
      )
      const task: Task = { request, model, split, structureNames, preparation, device, pass }
      const evaluation = write(task, await measure(task))
      await show(task, evaluation)
      return evaluation
    }),
  )
}

/** The split to evaluate on, the dataset's structure names, in the order of its masks, and how its scans were prepared. */
async function openSplitFor(
  model: TrainedModel,
  { dataset: directory, split: name, say }: EvaluationRequest,
): Promise<Pick<Task, 'split' | 'structureNames' | 'preparation'>> {
  const dataset = await openDataset(directory)
  const split = dataset.splits[name]
  if (!split) throw new InputError(`${join(directory, `${name}.h5`)}: no such file, expected the split to evaluate`)
  const { inChannels, structures, size } = model.shape
  if (dataset.channels !== inChannels)
    throw new InputError(`${split.path}: images have ${dataset.channels} channels, ${model.path} expects ${inChannels}`)
  if (split.structures !== structures)
    throw new InputError(
      `${split.path}: masks have ${split.structures} structures, ${model.path} expects ${structures}`,
    )
  const other = model.structureNames?.findIndex((each, s) => each !== dataset.structureNames[s]) ?? -1
  if (other >= 0)
    say(
      `warning: structure ${other} is ${dataset.structureNames[other]} in ${directory}, but ${model.structureNames![other]} in the model`,
    )
  if (dataset.imageSize.join() !== size.join())
    say(
      `samples are resampled from ${dataset.imageSize.join('×')} to the model's ${size.join('×')} (trilinear images, nearest masks)`,
    )
  return { split, structureNames: dataset.structureNames, preparation: dataset.preparation }
}

async function measure({ request, model, split, structureNames, device, pass }: Task): Promise<Metrics> {
  const { config, say, progress } = request
  const { samples, spacing } = split
  say(`adapter   ${device.name}`)
  say(`memory    ${formatBytes(totalOf(pass.need))} at batch size ${pass.batchSize}`)
  const metrics = new Metrics({
    structureNames,
    threshold: presenceThresholdFor(model, request),
    distanceUnit: spacing ? 'mm' : 'voxel',
    seed: config.seed,
  })
  await pass.measure(
    (batch, facts) => metrics.add(batch, facts),
    done => progress(done, samples),
  )
  return metrics
}

function write({ request, model, device }: Task, found: Metrics): Evaluation {
  const { dataset, split, output } = request
  const [metrics, cases] = [found.detailed(), found.cases()]
  const files = {
    metrics: join(output, 'detailed_metrics.json'),
    report: join(output, 'evaluation_report.txt'),
    cases: join(output, 'cases.csv'),
  }
  const head = {
    weights: model.path,
    dataset,
    split,
    samples: found.samples,
    size: model.shape.size,
    presenceThreshold: presenceThresholdFor(model, request),
    adapter: device.name,
  }
  if (existsSync(files.metrics)) removePictures(output)
  writeJson(files.metrics, metrics)
  writeText(files.report, evaluationReport(head, metrics))
  writeText(files.cases, casesCsv(cases))
  const pictured = choosePictured(cases, request.visit ? (request.pictures ?? 0) : 0)
  return { head, metrics, cases, samples: found.samples, pictured, files }
}

/** Pictures are optional and the metrics are already written, so a failure is only a warning. */
async function show(
  { request, structureNames, preparation, pass }: Task,
  { pictured, head }: Evaluation,
): Promise<void> {
  const { visit, split, say } = request
  for (const chosen of pictured) {
    const { sample, subject, scenario, reason, meanDice } = chosen
    const dice = meanDice === null ? '' : `mean Dice ${meanDice.toFixed(3)} (gated)`
    const title = [`${split} sample ${sample}`, subject, scenario, dice, reason.replaceAll(' mean Dice', '')]
      .filter(part => part !== '')
      .join(', ')
    try {
      const view = await pass.look(sample, { structureNames, preparation, threshold: head.presenceThreshold }, title)
      await visit!({ ...chosen, view })
    } catch (error) {
      say(`warning: no picture of ${title}: ${messageOf(error)}`)
    }
  }
}

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openDataset } from '../data/dataset/dataset.ts'
import type { Split } from '../data/dataset/split.ts'
import { Device } from '../gpu/device.ts'
import { casesCsv } from '../report/case_row.ts'
import { evaluationReport } from '../report/text/evaluation_report.ts'
import { formatBytes, totalOf } from '../run/memory.ts'
import { wantedAdapter } from '../run/open.ts'
import { openTrainedModel, presenceThresholdFor, type TrainedModel } from '../run/trained_model.ts'
import { InputError } from '../util/error.ts'
import { withOutputFolder } from '../util/output_folder.ts'
import { writeJson, writeWhole } from '../util/whole_file.ts'
import type { Evaluation, EvaluationRequest } from './evaluation.ts'
import { Metrics } from './metrics.ts'
import { EvaluationPass } from './pass.ts'
import { choosePictured } from './pictured_samples.ts'
import { removePictures } from './pictures.ts'

/**
 * The whole of `evaluate`: the model over one split, its figures into detailed_metrics.json, evaluation_report.txt and cases.csv, then
 * the samples most worth a look to `visit`. Throws InputError when weights and dataset do not fit each other; nothing is written then.
 */
export async function evaluate(request: EvaluationRequest): Promise<Evaluation> {
  const model = openTrainedModel(request.weights)
  const { split, structureNames } = await openSplitFor(model, request)
  const device = await Device.open(wantedAdapter(request.config))
  try {
    return await withOutputFolder(request.output, async () => {
      const pass = await EvaluationPass.open(device, model, split, request.config, request.say)
      try {
        const metrics = await measure(request, model, split, structureNames, device, pass)
        const evaluation = write(request, model, metrics, device.name)
        await show(request, structureNames, pass, evaluation)
        return evaluation
      } finally {
        await pass.close()
      }
    })
  } finally {
    device.close()
  }
}

/** The split to evaluate on, and the structures' names: the dataset's, whose order its masks have. */
async function openSplitFor(
  model: TrainedModel,
  { dataset: directory, split: name, say }: EvaluationRequest,
): Promise<{ split: Split; structureNames: string[] }> {
  const dataset = await openDataset(directory)
  const split = dataset.splits[name]
  if (!split) throw new InputError(`${join(directory, `${name}.h5`)}: no such file, expected the split to evaluate`)
  const { inChannels, structures, size } = model.shape
  if (dataset.channels !== inChannels)
    throw new InputError(`${split.path}: images have ${dataset.channels} channels, ${model.path} reads ${inChannels}`)
  if (split.structures !== structures)
    throw new InputError(`${split.path}: masks have ${split.structures} structures, ${model.path} has ${structures}`)
  const other = model.structureNames?.findIndex((each, s) => each !== dataset.structureNames[s]) ?? -1
  if (other >= 0)
    say(
      `warning: structure ${other} is ${dataset.structureNames[other]} in ${directory}, the model was trained on ${model.structureNames![other]}`,
    )
  if (dataset.imageSize.join() !== size.join())
    say(
      `samples are resampled from ${dataset.imageSize.join('×')} to the model's ${size.join('×')} (trilinear images, nearest masks)`,
    )
  return { split, structureNames: dataset.structureNames }
}

async function measure(
  request: EvaluationRequest,
  model: TrainedModel,
  { samples, spacing }: Split,
  structureNames: readonly string[],
  device: Device,
  pass: EvaluationPass,
): Promise<Metrics> {
  const { config, say, progress } = request
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

function write(request: EvaluationRequest, model: TrainedModel, found: Metrics, adapter: string): Evaluation {
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
    adapter,
  }
  if (existsSync(files.metrics)) removePictures(output)
  writeJson(files.metrics, metrics)
  writeWhole(files.report, [Buffer.from(evaluationReport(head, metrics))])
  writeWhole(files.cases, [Buffer.from(casesCsv(cases))])
  const pictured = choosePictured(cases, request.visit ? (request.pictures ?? 0) : 0)
  return { head, metrics, cases, samples: found.samples, pictured, files }
}

/** Pictures are optional: what fails on the way to them is warned of, for the figures are written. */
async function show(
  { visit, split, say }: EvaluationRequest,
  structureNames: readonly string[],
  pass: EvaluationPass,
  { pictured, head }: Evaluation,
): Promise<void> {
  for (const chosen of pictured) {
    const { sample, subject, scenario, reason, meanDice } = chosen
    const dice = meanDice === null ? '' : `mean Dice ${meanDice.toFixed(3)}`
    const title = [`${split} sample ${sample}`, subject, scenario, dice, reason.replaceAll(' mean Dice', '')]
      .filter(part => part !== '')
      .join(', ')
    try {
      const view = await pass.look(sample, { structureNames, threshold: head.presenceThreshold }, title)
      await visit!({ ...chosen, view })
    } catch (error) {
      say(`warning: no picture of ${title}: ${(error as Error).message}`)
    }
  }
}

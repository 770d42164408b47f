import { type Dataset, openDataset, splitOf } from '../data/dataset/dataset.ts'
import { withGridPatches } from '../data/dataset/patches.ts'
import { type Split, withStructures } from '../data/dataset/split.ts'
import { Ranks } from '../distributed/ranks.ts'
import { Device } from '../gpu/device.ts'
import { casesCsv } from '../report/case_row.ts'
import { evaluationReport } from '../report/text/evaluation_report.ts'
import { factDifferences, voxelDifferences } from '../run/dataset_facts.ts'
import { type Ensemble, openEnsemble, thresholdOf, weightsOf } from '../run/ensemble.ts'
import { formatBytes, totalOf } from '../run/memory.ts'
import { adapterOfRank } from '../run/rank_adapter.ts'
import { checkSameModels, checkSameProgram } from '../run/same_on_ranks.ts'
import { matchStructures, matchWarnings } from '../run/structure_match.ts'
import type { TrainedModel } from '../run/trained_model.ts'
import { Closer } from '../util/closer.ts'
import { InputError, messageOf } from '../util/error.ts'
import { ResultFolder } from '../util/files/result_folder.ts'
import { withOutputFolder } from '../util/output_folder.ts'
import type { ImageSize } from '../util/shape.ts'
import { jsonBytes } from '../util/whole_file.ts'
import type { Evaluation, EvaluationRequest } from './evaluation.ts'
import { KeptMasks, MASKS } from './kept_masks.ts'
import { Metrics } from './metrics.ts'
import { EvaluationPass } from './pass.ts'
import { choosePictured } from './pictured_samples.ts'
import { removePictures } from './pictures.ts'

/** What to evaluate on, and what may make the metrics mean less than they seem to. */
interface Found {
  split: Split
  structureNames: readonly string[]
  warnings: readonly string[]
  preparation: Dataset['preparation']
}

/** Models and samples on a device. */
interface Opened extends Found {
  request: EvaluationRequest
  ensemble: Ensemble
  device: Device
  pass: EvaluationPass
  closer: Closer
}

/** An evaluation under way. */
interface Task extends Opened {
  presenceThreshold: number
  folder: ResultFolder
}

/** The files of an evaluation without its pictures. */
const NAMES = { metrics: 'detailed_metrics.json', report: 'evaluation_report.txt', cases: 'cases.csv' } as const

/**
 * The `evaluate` command. Runs the model, or the mean of several, over one split, writes detailed_metrics.json, evaluation_report.txt, cases.csv and, if asked for, evaluated_masks.h5, then passes the
 * most informative samples to `visit`. Throws InputError if weights and dataset do not match, or a result would replace a file that is none,
 * and then writes nothing.
 */
export async function evaluate(request: EvaluationRequest): Promise<Evaluation> {
  const { output, overwrite, masks = false } = request
  const folder = new ResultFolder(output, { overwrite })
  folder.claim([...Object.values(NAMES), ...(masks ? [MASKS] : [])])
  const ensemble = openEnsemble(request.weights)
  const presenceThreshold = thresholdOf(ensemble, request)
  const found = await openSplitFor(ensemble.common, request)
  return withOutputFolder(output, () =>
    opening(request, ensemble, found, async opened => {
      const task: Task = { ...opened, presenceThreshold, folder }
      const metrics = measuring(task)
      const kept = masks ? await KeptMasks.create(output, ensemble.common.shape, { overwrite }) : undefined
      if (kept) opened.closer.add(kept, each => each.abandon())
      await measure(opened, metrics, kept)
      // those of an earlier evaluation would be taken for its masks
      if (!kept) folder.remove(name => name === MASKS)
      const evaluation = write(task, metrics, await kept?.finish())
      await show(task, evaluation)
      return evaluation
    }),
  )
}

/** What another rank than the first does for its `evaluate`: it measures its share of the samples. `request` is that of the first. */
export async function helpEvaluate(request: EvaluationRequest): Promise<void> {
  const ensemble = openEnsemble(request.weights)
  const found = await openSplitFor(ensemble.common, request)
  await opening(request, ensemble, found, opened => measure(opened))
}

/** Opens device and models for `body`. All ranks call it. */
function opening<T>(
  request: EvaluationRequest,
  ensemble: Ensemble,
  found: Found,
  body: (opened: Opened) => Promise<T>,
): Promise<T> {
  const { config, say, compiling, ranks = Ranks.alone() } = request
  const { models } = ensemble
  const { split } = found
  return Closer.using(async closer => {
    await checkSameProgram(ranks, config)
    await checkSameModels(ranks, models)
    await ranks.requireSame('the split', `${split.samples} samples`)
    const device = closer.add(await Device.open(await adapterOfRank(ranks, config)), each => each.close())
    const pass = await EvaluationPass.open(device, { models, split, config, ranks, say, compiling })
    closer.add(pass, each => each.close())
    return body({ ...found, request, ensemble, device, pass, closer })
  })
}

/** The split to evaluate on, with the model's structures, how it was prepared, and what may make the metrics mean less than they seem to. */
async function openSplitFor(
  model: TrainedModel,
  { dataset: directory, split: name, say }: EvaluationRequest,
): Promise<Found> {
  const dataset = seenBy(model, await openDataset(directory), say)
  const split = splitOf(dataset, name)
  const { inChannels, size } = model.shape
  if (dataset.channels !== inChannels)
    throw new InputError(`${split.path}: images have ${dataset.channels} channels, ${model.path} expects ${inChannels}`)
  const { warnings, ...matched } = withModelStructures(split, model, dataset, say)
  warnings.push(...factDifferences(model, dataset))
  if (!dataset.preparation) warnings.push(...voxelDifferences(model, split))
  for (const warning of warnings) say(`warning: ${warning}`)
  if (dataset.imageSize.join() !== size.join())
    say(
      `samples are resampled from ${dataset.imageSize.join('×')} to the model's ${size.join('×')} (trilinear images, nearest masks)`,
    )
  return { ...matched, preparation: dataset.preparation, warnings }
}

/** Whole scans are patches to a model of patches, on the grid of its validation during training. */
function seenBy({ path, patches, shape }: TrainedModel, dataset: Dataset, say: (line: string) => void): Dataset {
  const { directory, imageSize, preparation } = dataset
  const size: ImageSize = [...shape.size]
  const isLarger = imageSize.join() !== size.join() && imageSize.every((length, axis) => length >= size[axis]!)
  if (!patches || !isLarger || preparation?.frame.kind === 'field_of_view') return dataset
  say(
    `${path} was trained on patches: it is evaluated on patches of ${size.join('×')} of the samples of ${directory}, half a patch apart`,
  )
  return withGridPatches(dataset, size)
}

/** Matches by name; a model without names has the dataset's structures, in their order. */
function withModelStructures(
  split: Split,
  { path, shape, structureNames }: TrainedModel,
  dataset: Dataset,
  say: (line: string) => void,
) {
  if (!structureNames) {
    if (split.structures !== shape.structures)
      throw new InputError(
        `${split.path}: masks have ${split.structures} structures, ${path} expects ${shape.structures} and names none`,
      )
    return { split, structureNames: dataset.structureNames, warnings: [] }
  }
  const [model, data] = [
    { path, names: structureNames },
    { path: dataset.directory, names: dataset.structureNames },
  ]
  const match = matchStructures(model, data)
  if (match.isReordered) say(`${data.path} has its structures in another order than ${path}: matched by name`)
  return { split: withStructures(split, match.masksAt), structureNames, warnings: matchWarnings(match, model, data) }
}

function measuring({ request, presenceThreshold, split, structureNames }: Task): Metrics {
  return new Metrics({
    structureNames,
    threshold: presenceThreshold,
    distanceUnit: split.spacing ? 'mm' : 'voxel',
    seed: request.config.seed,
  })
}

/** Measures all samples, in several ranks each its share of them. */
async function measure({ request, split, device, pass }: Opened, metrics?: Metrics, kept?: KeptMasks): Promise<void> {
  const { say, progress } = request
  say(`adapter   ${device.name}`)
  say(`memory    ${formatBytes(totalOf(pass.need))} at batch size ${pass.batchSize}`)
  await pass.measure(
    (batch, facts) => metrics?.add(batch, facts),
    done => progress(done, split.samples),
    request.masks ? (sample, masks) => kept?.add(sample, masks) : undefined,
  )
}

function write(task: Task, found: Metrics, masks: string | undefined): Evaluation {
  const { request, ensemble, presenceThreshold, structureNames, device, folder, warnings } = task
  const { dataset, split } = request
  const [metrics, cases] = [found.detailed(), found.cases()]
  const head = {
    weights: weightsOf(ensemble),
    dataset,
    split,
    samples: found.samples,
    size: ensemble.common.shape.size,
    presenceThreshold,
    adapter: device.name,
    warnings,
  }
  removePictures(folder)
  const { weights } = head
  const evaluated = {
    weights,
    dataset,
    split,
    presence_threshold: presenceThreshold,
    structure_names: structureNames,
    ...(task.split.cut && { patch_size: task.split.imageSize }),
    warnings,
  }
  const files = {
    metrics: folder.write(NAMES.metrics, [jsonBytes({ ...metrics, evaluated })]),
    report: folder.write(NAMES.report, [Buffer.from(evaluationReport(head, metrics))]),
    cases: folder.write(NAMES.cases, [Buffer.from(casesCsv(cases))]),
    ...(masks !== undefined && { masks }),
  }
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

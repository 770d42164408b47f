import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { openAdapter } from '../../src/gpu/adapter.ts'
import { scorePredictions } from '../../src/score/score.ts'
import { InputError } from '../../src/util/error.ts'
import { makeFolder } from '../../src/util/files/folder.ts'
import { isFolder } from '../../src/util/files/lookup.ts'
import { replaceFile } from '../../src/util/files/rename.ts'
import { meanOfDefined } from '../../src/util/statistics.ts'
import { writeJson, writeText, writing } from '../../src/util/whole_file.ts'
import { Journal } from '../journal.ts'
import { ChildError } from '../processes.ts'
import { type Fold, imagesOf, labelsOf, layOut, type Part } from './fold.ts'
import { foldsOf } from './folds.ts'
import { Monai } from './monai.ts'
import { Nnunet } from './nnunet.ts'
import { type OurSettings, Ours } from './ours.ts'
import { findScript } from './python.ts'
import type { Outcome, OutcomeReport } from './report.ts'
import { type LabelledScans, openLabelledScans, singleValues } from './scans.ts'
import { outcomeText } from './text.ts'
import type { Tool, ToolName } from './tool.ts'

export interface OutcomeRequest {
  /** a dataset of the Decathlon or nnU-Net */
  data: string
  outputDir: string
  /** how many folds there are, and which are run */
  folds: number
  only: readonly number[]
  tools: readonly ToolName[]
  /** wall clock of each training */
  minutes: number
  /** of the trainings; the folds have a seed of their own */
  seed: number
  foldSeed: number
  /** held-out scans on which the curve is measured, and models of each training that it is measured at */
  curveScans: number
  curvePoints: number
  ours: OurSettings
  /** Pythons to look for torch, monai and nnunetv2 in */
  pythons: readonly string[]
  /** further scans that every final model predicts: a name for the results, and a folder */
  predict: readonly { name: string; images: string }[]
  stop: AbortSignal
  say(line: string): void
}

/**
 * Trains each tool on each fold for the same time on this machine, one after another, and scores all of them with one code on the scans that
 * they have not seen. A finished training is kept in the folder and not repeated. Throws InputError, StoppedError.
 */
export async function benchOutcome(request: OutcomeRequest): Promise<OutcomeReport> {
  const { data, outputDir, minutes, say } = request
  const scans = openLabelledScans(data)
  singleValues(scans)
  const divided = foldsOf(scans, request.folds, request.foldSeed)
  const wrong = request.only.find(index => !divided[index])
  if (wrong !== undefined) throw new InputError(`bench outcome: no fold ${wrong}, expected 0 to ${request.folds - 1}`)
  const { folds, foldSeed: fold_seed, curveScans, curvePoints } = request
  const head = { outcome: scans.scans.length, data, minutes, folds, fold_seed, curveScans, curvePoints }
  makeFolder(outputDir, 'a folder for the results')
  const journal = Journal.open(join(outputDir, 'journal.jsonl'), head, true, say, 'or choose another --output-dir')
  const { tools, missing } = await toolsOf(request)
  for (const { tool, reason } of missing) say(`${tool}: skipped: ${reason}`)
  const report = (): OutcomeReport => ({
    ...{ data, minutes, folds, fold_seed },
    outcomes: journal.values<Outcome>(),
    missing,
  })
  for (const index of request.only) {
    const fold = foldAt(index, { request, scans, divided })
    for (const tool of tools) {
      const folder = join(fold.folder, `${tool.name}_${request.seed}_${digestOf(tool.settings)}`)
      const name = `fold ${index}, ${tool.name}, seed ${request.seed}, ${tool.settings}`
      say(`fold ${index}: ${tool.name}`)
      try {
        const outcome = await journal.once(name, () => run(tool, fold, folder, request))
        await predictOthers(tool, { fold, folder, weights: outcome.weights, request })
      } catch (error) {
        if (!(error instanceof ChildError)) throw error
        missing.push({ tool: tool.name, reason: `fold ${index}: ${error.message}` })
        say(`  ${error.message}`)
      }
      writeJson(join(outputDir, 'outcome.json'), report())
      writeText(join(outputDir, 'outcome.txt'), `${outcomeText(report())}\n`)
    }
  }
  return report()
}

function foldAt(
  index: number,
  { request, scans, divided }: { request: OutcomeRequest; scans: LabelledScans; divided: LabelledScans['scans'][] },
): Fold {
  const heldOut = divided[index]!
  const isHeldOut = new Set(heldOut)
  return layOut({
    index,
    folder: join(request.outputDir, `fold_${index}`),
    scans,
    train: scans.scans.filter(scan => !isHeldOut.has(scan)),
    heldOut,
    curve: heldOut.slice(0, request.curveScans),
  })
}

/** The tools that can run here. Others train where ours does: on a GPU, if ours has one. */
async function toolsOf({
  tools: wanted,
  pythons,
  ours,
  outputDir,
}: OutcomeRequest): Promise<{ tools: Tool[]; missing: OutcomeReport['missing'] }> {
  const { software } = await openAdapter()
  const tools: Tool[] = []
  const missing: OutcomeReport['missing'] = []
  for (const tool of wanted) {
    if (tool === 'ours') {
      tools.push(new Ours(ours))
      continue
    }
    const script = await findScript(tool === 'monai' ? 'monai_unet.py' : 'nnunet.py', pythons)
    if ('reasons' in script) {
      missing.push({ tool, reason: `${script.reasons.join('; ') || 'no Python given'}: name one with --python` })
      continue
    }
    const device = script.cuda && !software ? 'cuda' : 'cpu'
    const { importOptions } = ours
    if (tool === 'monai') tools.push(new Monai({ script, device, importOptions }))
    else tools.push(new Nnunet({ script, device, folder: join(outputDir, 'nnunet') }))
  }
  return { tools, missing }
}

/** One training with everything that is measured of it. What an interrupted attempt left is removed first. */
async function run(tool: Tool, fold: Fold, folder: string, request: OutcomeRequest): Promise<Outcome> {
  const { seed, minutes, curvePoints, stop, say } = request
  rmSync(folder, { recursive: true, force: true })
  makeFolder(folder, 'a folder for a training')
  const task = { fold, folder, seconds: 60 * minutes, snapshots: curvePoints, seed, stop, say }
  const trained = await tool.train(task)
  const final = trained.snapshots.at(-1)!
  say(`  ${Math.round(trained.seconds)} s, ${trained.epochs} epochs`)
  const judged = async (weights: string, part: Part, isFinal: boolean) => {
    const output = join(folder, part)
    rmSync(output, { recursive: true, force: true })
    await tool.predict({ weights, fold, images: imagesOf(fold, part), output, isFinal, folder, stop })
    const structures = fold.scans.structures.map(({ name, values }) => ({ name, marks: values }))
    return scorePredictions({ predictions: output, labels: labelsOf(fold, part), structures })
  }
  const { cases, segmentation_per_structure: scored } = await judged(final.path, 'heldOut', true)
  const structures = Object.fromEntries(
    Object.entries(scored).map(([name, { mean_dice, mean_hd95 }]) => [name, { dice: mean_dice, hd95: mean_hd95 }]),
  )
  const meanDice = (of: typeof scored): number | null => meanOfDefined(Object.values(of).map(each => each.mean_dice))
  const curve: Outcome['curve'] = []
  for (const { path, seconds } of trained.snapshots) {
    const { segmentation_per_structure } = await judged(path, 'curve', false)
    curve.push({ seconds, dice: meanDice(segmentation_per_structure) })
    if (path !== final.path) rmSync(path)
  }
  rmSync(join(folder, 'curve'), { recursive: true, force: true })
  say(`  mean Dice ${meanDice(scored)?.toFixed(4)}`)
  return {
    tool: tool.name,
    settings: tool.settings,
    ...{ fold: fold.index, seed, structures, curve },
    device: trained.device,
    seconds: trained.seconds,
    epochs: trained.epochs,
    samples_per_s: trained.samples / trained.seconds,
    peak_bytes: trained.peak_bytes,
    dice: meanDice(scored),
    weights: final.path,
    cases: cases.map(({ scan, structure, dice, hd95 }) => ({ scan, structure, dice, hd95 })),
  }
}

/** Predicts the further scans with a final model, unless an earlier run did. */
async function predictOthers(
  tool: Tool,
  { fold, folder, weights, request }: { fold: Fold; folder: string; weights: string; request: OutcomeRequest },
): Promise<void> {
  for (const { name, images } of request.predict) {
    const output = join(folder, name)
    if (isFolder(output)) continue
    const unfinished = join(folder, `.${name}`)
    rmSync(unfinished, { recursive: true, force: true })
    request.say(`  predict ${images}`)
    await tool.predict({ weights, fold, images, output: unfinished, isFinal: true, folder, stop: request.stop })
    writing(output, () => replaceFile(unfinished, output))
  }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8)
}

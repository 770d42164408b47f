import { Command, Option } from 'commander'
import type { AbsencePredictions } from '../../bench/absence/score.ts'
import { IMPORT_DEFAULTS } from '../../src/data/import/import_options.ts'
import { InputError } from '../../src/util/error.ts'
import { progressOf } from '../console/progress.ts'
import { countOption, numberOption } from '../options.ts'
import { namedFolder } from './outcome.ts'

interface SetOptions {
  data: string
  outputDir: string
  folds: number
  fold: number
  seed: number
  axis: string
  json?: boolean
}

interface ScoreOptions {
  set: string
  prediction: AbsencePredictions[]
  json?: boolean
}

function print(value: string): void {
  process.stdout.write(`${value}\n`)
}

/** `bench absence`: scans in which structures are truly absent, and how well predictions say so. */
export function makeAbsenceCommand(): Command {
  return new Command('absence')
    .description('make scans with true absences by cropping the field of view, and score predictions of them')
    .addCommand(
      new Command('set')
        .description(
          'for each scan and structure, crop one part that lacks the structure and one of the same length that keeps it',
        )
        .requiredOption('--data <dir>', 'a dataset of the Medical Decathlon or nnU-Net, with its dataset.json')
        .requiredOption('--output-dir <dir>', 'folder for the set')
        .option('--folds <k>', 'number of folds', numberOption, 5)
        .option('--fold <k>', 'the fold whose crops are for testing', countOption, 0)
        .option('--seed <n>', 'seed of folds and crops', numberOption, IMPORT_DEFAULTS.seed)
        .addOption(
          new Option('--axis <n>', 'axis along which the field of view ends: 0 right, 1 front, 2 top')
            .choices(['0', '1', '2'])
            .default('1'),
        )
        .option('--json', 'print one JSON object')
        .action(runSet),
    )
    .addCommand(
      new Command('score')
        .description('compare predictions of the test crops with the truth: absence by presence and by volume')
        .requiredOption('--set <dir>', 'a folder that bench absence set made')
        .requiredOption(
          '--prediction <name=dir>',
          'what predict wrote, or a folder of label volumes; repeatable',
          (text: string, before: AbsencePredictions[] = []) => [
            ...before,
            namedFolder(text, (tool, folder) => ({ tool, folder })),
          ],
        )
        .option('--json', 'print one JSON object')
        .action(runScore),
    )
}

async function runSet({ data, outputDir, folds, fold, seed, axis, json }: SetOptions): Promise<void> {
  const { makeAbsenceSet } = await import('../../bench/absence/absence_set.ts')
  const { setText } = await import('../../bench/absence/text.ts')
  const { foldsOf } = await import('../../bench/outcome/folds.ts')
  const { openLabelledScans } = await import('../../bench/outcome/scans.ts')
  const scans = openLabelledScans(data)
  const heldOut = foldsOf(scans, folds, seed)[fold]
  if (!heldOut) throw new InputError(`bench absence: no fold ${fold}, expected 0 to ${folds - 1}`)
  const progress = progressOf('cropped')
  const set = await makeAbsenceSet({
    ...{ scans, outputDir, seed },
    axis: Number(axis),
    heldOut: new Set(heldOut.map(({ name }) => name)),
    progress: progress.update,
  }).finally(progress.end)
  print(json ? JSON.stringify(set) : setText(set))
}

async function runScore({ set, prediction, json }: ScoreOptions): Promise<void> {
  const { scoreAbsence } = await import('../../bench/absence/score.ts')
  const { absenceText } = await import('../../bench/absence/text.ts')
  const lines = await scoreAbsence(set, prediction)
  print(json ? JSON.stringify(lines) : absenceText(lines))
}

import { Command, InvalidArgumentError, Option } from 'commander'
import { StoppedError } from '../../bench/outcome/job.ts'
import { TOOLS, type ToolName } from '../../bench/outcome/tool.ts'
import { IMPORT_DEFAULTS } from '../../src/data/import/import_options.ts'
import { InputError } from '../../src/util/error.ts'
import { say } from '../console/say.ts'
import { collect, countOption, numberOption, overridesOf, withConfiguration } from '../options.ts'
import { stopOnSignals } from '../process/signals.ts'

interface OutcomeOptions {
  config?: string
  data: string
  outputDir: string
  folds: number
  fold: number[]
  only: ToolName[]
  minutes: number
  seed: number
  foldSeed: number
  curveScans: number
  curvePoints: number
  spacing?: string
  imageSize?: string
  recipe?: string
  python: string[]
  predict: { name: string; images: string }[]
  json?: boolean
}

function tools(text: string): ToolName[] {
  const names = text.split(',')
  const other = names.find(name => !TOOLS.includes(name as ToolName))
  if (other !== undefined) throw new InvalidArgumentError(`'${other}': expected some of ${TOOLS.join(', ')}`)
  return names as ToolName[]
}

function foldList(text: string): number[] {
  return text.split(',').map(countOption)
}

/** `NAME=DIR`: results and scans. */
export function namedFolder<T>(text: string, make: (name: string, folder: string) => T): T {
  const [, name, folder] = /^([\w-]+)=(.+)$/.exec(text) ?? []
  if (name === undefined || folder === undefined)
    throw new InvalidArgumentError('expected name=folder, e.g. absence=scans')
  return make(name, folder)
}

/** `bench outcome`: how good models of ours, MONAI and nnU-Net are after the same minutes. */
export function makeOutcomeCommand(): Command {
  return withConfiguration(new Command('outcome'))
    .description(
      'train ours, a BasicUNet of MONAI and nnU-Net on the same folds for the same time, and score them in the scans’ own space',
    )
    .requiredOption('--data <dir>', 'a dataset of the Medical Decathlon or nnU-Net, with its dataset.json')
    .requiredOption('--output-dir <dir>', 'folder for the results; finished trainings in it are not repeated')
    .option('--folds <k>', 'number of folds', numberOption, 5)
    .option('--fold <list>', 'the folds to run, e.g. 0,1', foldList, [0])
    .option('--minutes <m>', 'time of each training', numberOption, 24)
    .option('--seed <n>', 'seed of the trainings', numberOption, IMPORT_DEFAULTS.seed)
    .option('--fold-seed <n>', 'seed of the folds', numberOption, IMPORT_DEFAULTS.seed)
    .addOption(new Option('--only <list>', 'some of ours,monai,nnunet').argParser(tools).default(TOOLS, 'all of them'))
    .option('--spacing <h,w,d>', 'of ours and MONAI: as in import')
    .option('--image-size <h,w,d>', 'of ours and MONAI: as in import')
    .option('--recipe <dir>', 'of ours and MONAI: what configure wrote; its cfg.json is used unless --config is given')
    .option('--python <path>', 'a Python with torch and monai or nnunetv2; repeatable (default: python3)', collect)
    .option('--curve-scans <n>', 'held-out scans on which the curve over time is measured', countOption, 16)
    .option('--curve-points <n>', 'models of each training at which it is measured', countOption, 16)
    .option(
      '--predict <name=dir>',
      'further scans that each final model predicts, into a folder of this name; repeatable',
      (text: string, before: OutcomeOptions['predict']) => [
        ...before,
        namedFolder(text, (name, images) => ({ name, images })),
      ],
      [],
    )
    .option('--json', 'print one JSON object')
    .action(runOutcome)
}

async function runOutcome(words: string[], options: OutcomeOptions): Promise<void> {
  const { benchOutcome } = await import('../../bench/outcome/outcome.ts')
  const { outcomeText } = await import('../../bench/outcome/text.ts')
  const { data, outputDir, folds, minutes, seed, foldSeed, curveScans, curvePoints, predict } = options
  for (const [name, value] of Object.entries({ minutes, 'curve-scans': curveScans, 'curve-points': curvePoints }))
    if (!(value > 0)) throw new InputError(`bench outcome: --${name} ${value}, expected a positive number`)
  const signals = stopOnSignals(say)
  try {
    const report = await benchOutcome({
      ...{ data, outputDir, folds, minutes, seed, foldSeed, curveScans, curvePoints, predict, say },
      only: options.fold,
      tools: options.only,
      ours: {
        ...(options.config !== undefined && { config: options.config }),
        words: overridesOf(words),
        importOptions: importOptionsOf(options),
      },
      pythons: options.python ?? ['python3'],
      stop: signals.stop,
    })
    process.stdout.write(`${options.json ? JSON.stringify(report) : outcomeText(report)}\n`)
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error
    say('stopped; the same command goes on with the first unfinished training')
    process.exitCode = signals.exitCode()
  }
}

function importOptionsOf({ spacing, imageSize, recipe }: OutcomeOptions): string[] {
  const given = { spacing, 'image-size': imageSize, recipe }
  const options = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, value]))
  if (options.length === 0) throw new InputError('bench outcome: expected --spacing, --image-size or --recipe')
  return options
}

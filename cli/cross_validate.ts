import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { loadConfig } from '../src/config/load.ts'
import { type CrossValidationResult, crossValidate, helpCrossValidate } from '../src/cross_validation/cross_validate.ts'
import { readGivenFolds } from '../src/cross_validation/given_folds.ts'
import { PLACES } from '../src/cross_validation/places.ts'
import { IMPORT_DEFAULTS } from '../src/data/import/import_options.ts'
import type { Ranks } from '../src/distributed/ranks.ts'
import { ensureAdapter } from '../src/gpu/adapter.ts'
import { readRecipe } from '../src/recipe/recipe.ts'
import { comparisonTable, mainScore } from '../src/report/text/score_report.ts'
import { Console } from '../src/track/console/console.ts'
import { InputError } from '../src/util/error.ts'
import { progressOf } from './console/progress.ts'
import { countOption, numberOption, overridesOf, withConfiguration } from './options.ts'
import { asRank, consoleOf } from './process/ranks.ts'
import { stopOnSignals } from './process/signals.ts'
import { gpusOption, orInRanks } from './process/start_ranks.ts'
import { type PreparationOptions, requestedScans, withPreparationOptions } from './scans/preparation_options.ts'
import { type SourceOptions, withSourceOptions } from './scans/source_options.ts'

interface CrossValidateOptions extends SourceOptions, PreparationOptions {
  config?: string
  outputDir: string
  folds: number
  splits?: string
  seed: number
  only?: number[]
  flips?: boolean
  against?: string
  json?: boolean
}

const FOLDS = 5

/** `cross-validate`: trains, predicts and scores K folds, and can be killed and started again. */
export function makeCrossValidateCommand(): Command {
  return withConfiguration(withPreparationOptions(withSourceOptions(new Command('cross-validate'))))
    .description(
      'train a model on each K−1 of K folds of subjects, predict every subject by the model that has not seen it, and report; run it again to resume',
    )
    .requiredOption('--output-dir <dir>', 'folder for all output')
    .addOption(new Option('--folds <k>', 'number of folds').argParser(countOption).default(FOLDS).conflicts('splits'))
    .option('--splits <file>', 'take the folds of nnU-Net’s splits_final.json')
    .option('--seed <n>', 'seed of the folds and of the bootstrap', numberOption, IMPORT_DEFAULTS.seed)
    .option('--only <folds>', 'run these folds only, 0,2; for several machines that share the folder', foldsOption)
    .option(
      '--flips',
      'predict as a mean over inputs mirrored along the axes that training flips, as predict --flips does',
    )
    .option(
      '--against <file>',
      'the JSON of a score or another cross-validation: tests the difference over the same subjects',
    )
    .addOption(gpusOption())
    .option('--json', 'print the report as one JSON object')
    .action(orInRanks(runCrossValidation, configurationFor))
}

function foldsOption(text: string): number[] {
  const folds = text.split(',').map(each => (/^ *\d{1,9} *$/.test(each) ? Number(each) : Number.NaN))
  if (folds.some(Number.isNaN)) throw new InvalidArgumentError('expected numbers of folds, e.g. 0,2')
  return [...new Set(folds)]
}

function runCrossValidation(words: string[], options: CrossValidateOptions): Promise<void> {
  return asRank(ranks => crossValidateAs(ranks, words, options))
}

async function crossValidateAs(ranks: Ranks, words: string[], options: CrossValidateOptions): Promise<void> {
  const { outputDir: output, splits, seed, only, flips, against } = options
  const given = splits === undefined ? undefined : readGivenFolds(splits)
  const console = new Console(consoleOf(ranks))
  const loaded = configurationFor(words, options)
  const data = { ...requestedScans(options, 'cross-validate') }
  if (ranks.rank === 0) await ensureAdapter(line => console.line(line))
  const signals = stopOnSignals(line => console.line(line))
  const request = {
    data,
    config: loaded.config,
    output,
    folds: given?.length ?? options.folds,
    ...(given && { given }),
    seed,
    ...(only && { only }),
    ...(flips && { flips }),
    ...(against === undefined ? {} : { against }),
    identity: { namedConfigs: loaded.namedConfigs, configUpdates: loaded.words, sources: loaded.files },
    console,
    stop: signals.stop,
    ranks,
  }
  if (ranks.rank > 0) {
    const isFinished = await helpCrossValidate({ ...request, progress: () => ({ update: () => {}, end: () => {} }) })
    if (!isFinished) process.exitCode = signals.exitCode()
    return
  }
  const result = await crossValidate({ ...request, progress: progressOf })
  if (!result.isFinished) {
    console.line(`stopped; the same command resumes: sadaan-gpu cross-validate --output-dir ${output} …`)
    process.exitCode = signals.exitCode()
    return
  }
  if (options.json) process.stdout.write(`${JSON.stringify(result.report ?? { missing: result.missing })}\n`)
  for (const line of summaryOf(result, output)) console.line(line)
}

/** The configuration of `--config`, or else of the recipe, with the words on top. Throws InputError: keys that the folds set. */
function configurationFor(words: readonly string[], { config, recipe }: CrossValidateOptions) {
  const file = config ?? (recipe === undefined ? undefined : readRecipe(recipe).configFile)
  const loaded = loadConfig({ ...(file === undefined ? {} : { file }), overrides: overridesOf(words) })
  for (const [group, key] of [
    [loaded.words, 'dataset_path'],
    [loaded.words.checkpoint ?? {}, 'save_dir'],
  ] as const)
    if (Object.hasOwn(group as object, key))
      throw new InputError(`cross-validate: ${key} is given, but each fold has its own in --output-dir`)
  return loaded
}

function summaryOf({ report, missing }: CrossValidationResult, output: string): string[] {
  if (!report) {
    const one = missing.length === 1
    return [
      `fold${one ? '' : 's'} ${missing.join(', ')} ${one ? 'is' : 'are'} missing; the report comes with the last one`,
    ]
  }
  const { comparison } = report
  return [
    ...mainScore(report),
    ...(comparison ? comparisonTable(comparison) : []),
    `report    ${join(output, PLACES.text)}, ${join(output, PLACES.report)}`,
  ]
}

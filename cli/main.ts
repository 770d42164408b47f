#!/usr/bin/env node
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { InputError, messageOf } from '../src/util/error.ts'
import { reasonOf } from '../src/util/files/reason.ts'
import { oneLine } from '../src/util/listing.ts'
import { PACKAGE_ROOT } from '../src/util/package_root.ts'
import { readText } from '../src/util/whole_file.ts'
import { makeAnalysisCommand } from './analysis.ts'
import { makeBenchCommand } from './bench.ts'
import { makeBoardCommand } from './board.ts'
import { makePrintConfigCommand } from './configuration/print_config.ts'
import { makePrintDependenciesCommand } from './configuration/print_dependencies.ts'
import { makePrintNamedConfigsCommand } from './configuration/print_named_configs.ts'
import { makeSaveConfigCommand } from './configuration/save_config.ts'
import { makeConfigureCommand } from './configure.ts'
import { say } from './console/say.ts'
import { strict, usageText } from './console/usage.ts'
import { makeCrossValidateCommand } from './cross_validate.ts'
import { makeDemoCommand } from './demo.ts'
import { makeDoctorCommand } from './doctor.ts'
import { makeEvaluateCommand } from './evaluate.ts'
import { makeExperimentCommand } from './experiment.ts'
import { makeExportCommand } from './export.ts'
import { makeGenerateCommand } from './generate.ts'
import { makeImportCommand } from './import.ts'
import { makeInspectCommand } from './inspect.ts'
import { makeModelsCommand } from './models.ts'
import { makePredictCommand } from './predict.ts'
import { refuseRanks } from './process/ranks.ts'
import { heedNohup } from './process/signals.ts'
import { makeScoreCommand } from './score.ts'
import { makeSummaryCommand } from './summary.ts'
import { makeTrainCommand } from './train.ts'
import { makeValidateCommand } from './validate.ts'

const { version } = JSON.parse(readText(join(PACKAGE_ROOT, 'package.json'))) as { version: string }

/** Exit codes: 0 done, 1 failed, 2 wrong input. Commands that can be interrupted set 75, 129, 130 and 143. */
const FAILED = 1
const WRONG_INPUT = 2

/** What several ranks share. */
const IN_RANKS = new Set(['train', 'evaluate', 'predict', 'cross-validate', 'doctor', 'scaling'])

const EXAMPLES = `
Examples:
  sadaan-gpu demo
  sadaan-gpu train with dataset_path=data/heads training.batch_size=2
  sadaan-gpu train --config cfg.json --resume with fast seed=7
  sadaan-gpu evaluate --weights checkpoints/best_model.pth --dataset data/heads --output results
  sadaan-gpu predict --weights checkpoints/best_model.pth --input scan.nii.gz --output results
  sadaan-gpu help train`

function makeProgram(): Command {
  return new Command('sadaan-gpu')
    .description(
      "Train SADAAN, a 3D medical segmentation network that also predicts which organs are missing, on any vendor's GPU",
    )
    .version(version)
    .configureHelp({ showGlobalOptions: true, subcommandTerm: command => command.name() })
    .commandsGroup('Datasets:')
    .addCommand(makeGenerateCommand())
    .addCommand(makeImportCommand())
    .addCommand(makeInspectCommand())
    .addCommand(makeValidateCommand())
    .commandsGroup('Models:')
    .addCommand(makeConfigureCommand())
    .addCommand(makeTrainCommand())
    .addCommand(makeEvaluateCommand())
    .addCommand(makeAnalysisCommand())
    .addCommand(makePredictCommand())
    .addCommand(makeScoreCommand())
    .addCommand(makeCrossValidateCommand())
    .addCommand(makeExportCommand())
    .addCommand(makeSummaryCommand())
    .addCommand(makeModelsCommand())
    .addCommand(makeBoardCommand())
    .commandsGroup('Configuration:')
    .addCommand(makePrintConfigCommand())
    .addCommand(makeSaveConfigCommand())
    .addCommand(makePrintNamedConfigsCommand())
    .addCommand(makePrintDependenciesCommand())
    .commandsGroup('Machine:')
    .addCommand(makeDoctorCommand())
    .addCommand(makeBenchCommand())
    .commandsGroup('Complete workflows:')
    .addCommand(makeDemoCommand())
    .addCommand(makeExperimentCommand())
    .addHelpCommand(
      new Command('help').argument('[command]').description('show the options of a command').helpGroup('Help:'),
    )
    .addHelpText('after', EXAMPLES)
    .hook('preAction', (_, command) => (IN_RANKS.has(command.name()) ? undefined : refuseRanks(command)))
}

async function main(): Promise<void> {
  // A closed pipe (EPIPE) must not end a training run; on a full disk the result is lost, which is a failure.
  let lost: NodeJS.ErrnoException | undefined
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') lost ??= error
  })
  process.stderr.on('error', () => undefined)
  heedNohup()
  const program = strict(makeProgram())
  try {
    await program.parseAsync()
  } catch (error) {
    process.exitCode = report(error, program)
  }
  // Dawn's threads would keep the process alive
  await flushed(process.stdout)
  if (lost) {
    tell(`standard output: cannot be written (${reasonOf(lost)})`)
    process.exitCode ||= FAILED
  }
  await flushed(process.stderr)
  process.exit()
}

function report(error: unknown, program: Command): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0
    const text = usageText(error, program, process.argv.slice(2))
    if (text !== undefined) tell(text)
    return WRONG_INPUT
  }
  const wrongInput = error instanceof InputError || isNoAdapter(error)
  if (!wrongInput && process.env.SADAAN_DEBUG) console.error(error)
  else tell(messageOf(error))
  return wrongInput ? WRONG_INPUT : FAILED
}

/** Errors that are no InputError may quote a file too, so here is the last place to escape and cut. */
function tell(text: string): void {
  say(`sadaan-gpu: ${oneLine(text)}`)
}

function isNoAdapter(error: unknown): boolean {
  return error instanceof Error && error.name === 'NoAdapterError'
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise(resolve => {
    stream.write('', () => resolve())
  })
}

await main()

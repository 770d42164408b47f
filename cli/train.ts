import { Command, Option } from 'commander'
import { configText } from '../src/config/print.ts'
import type { Ranks } from '../src/distributed/ranks.ts'
import { Console } from '../src/track/console/console.ts'
import { parseMongoAddress } from '../src/track/mongo/address.ts'
import { type TrainingReport, train } from '../src/train/training.ts'
import { colorsFor } from '../src/util/colors.ts'
import { configurationOf, overridesOf, withConfiguration } from './options.ts'
import { asRank, consoleOf } from './process/ranks.ts'
import { stopOnSignals } from './process/signals.ts'
import { gpusOption, orInRanks } from './process/start_ranks.ts'
import {
  consoleLevel,
  heedSacredOptions,
  identityOf,
  recordedOptions,
  type SacredOptions,
  withSacredOptions,
} from './sacred_options.ts'

const TENSORBOARD_HELP = 'also write TensorBoard event files, to a subfolder for the run'

interface TrainOptions extends SacredOptions {
  config?: string
  resume?: boolean | string
  tensorboard?: string
  json?: boolean
}

/** `train`: writes checkpoint.save_dir and a Sacred run directory. */
export function makeTrainCommand(): Command {
  const command = withConfiguration(new Command('train'))
    .description('train a model; write checkpoints and a run record')
    .option('--resume [path]', 'resume from the newest intact checkpoint in checkpoint.save_dir, or from the given one')
    .addOption(new Option('--tensorboard <dir>', TENSORBOARD_HELP).conflicts('unobserved'))
    .addOption(gpusOption())
    .option('--json', 'print the result as one JSON object')
    .action(orInRanks(runTrain))
  return withSacredOptions(command)
}

function runTrain(given: string[], options: TrainOptions, command: Command): Promise<void> {
  return asRank(ranks => trainAs(ranks, given, options, command))
}

async function trainAs(ranks: Ranks, given: string[], options: TrainOptions, command: Command): Promise<void> {
  if (options.debug) process.env.SADAAN_DEBUG = '1'
  // `--resume with a=b`: the word with is not a path
  const words = options.resume === 'with' ? ['with', ...given] : given
  const resume = options.resume === 'with' ? true : (options.resume ?? false)
  const loaded = configurationOf(words, options)
  const { config } = loaded
  const console = new Console(consoleOf(ranks, consoleLevel(options).level))
  heedSacredOptions(options, console)
  if (options.printConfig && ranks.rank === 0) {
    const text = configText(loaded, colorsFor(process.stderr, process.env))
    process.stderr.write(`${text}\n${'-'.repeat(79)}\n`)
  }
  const signals = stopOnSignals(line => console.line(line))
  const report = await train({
    config,
    resume,
    runs: options.unobserved ? undefined : options.file_storage,
    ...(options.mongo_db === undefined ? {} : { mongo: parseMongoAddress(options.mongo_db) }),
    ...(options.tensorboard === undefined ? {} : { tensorboard: options.tensorboard }),
    identity: identityOf(options, loaded, recordedOptions(command, overridesOf(words))),
    console,
    ranks,
    stop: signals.stop,
  })
  say(report, console, (options.json ?? false) && ranks.rank === 0)
  if (report.status !== 'COMPLETED') process.exitCode = signals.exitCode(report.status)
}

function say(report: TrainingReport, console: Console, json: boolean): void {
  const { status, reason, epochs, best, bestPath, run } = report
  if (json) process.stdout.write(`${JSON.stringify({ status, reason, epochs, best, bestPath, run })}\n`)
  if (status !== 'COMPLETED') {
    console.line(`${reason}; continue with --resume`)
    return
  }
  if (reason) console.line(reason)
  if (best.epoch !== null && best.value !== null)
    console.line(`best model  epoch ${best.epoch + 1}, ${best.value.toPrecision(4)}: ${bestPath}`)
  if (run) console.line(`run record  ${run}`)
}

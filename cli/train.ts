import { Command } from 'commander'
import { Console } from '../src/track/console.ts'
import { type TrainingReport, train } from '../src/train/training.ts'
import { configurationOf, withConfiguration } from './options.ts'
import { stopOnSignals } from './signals.ts'

interface TrainOptions {
  config?: string
  resume?: boolean | string
  fileStorage: string
  unobserved?: boolean
  comment?: string
  json?: boolean
}

/** `train`: writes checkpoint.save_dir and a Sacred run directory. */
export function makeTrainCommand(): Command {
  return withConfiguration(new Command('train'))
    .description('train a model; writes checkpoints and a record of the run')
    .option('--resume [path]', 'go on from the newest good checkpoint of checkpoint.save_dir, or from the one given')
    .option('-F, --file-storage <dir>', 'folder of the run records', 'sacred_runs')
    .option('-u, --unobserved', 'keep no record')
    .option('-c, --comment <text>', 'a comment for the record')
    .option('--json', 'print the result as one JSON object on standard output')
    .action(runTrain)
}

async function runTrain(given: string[], options: TrainOptions): Promise<void> {
  // `--resume with a=b`: the word with is never a path
  const words = options.resume === 'with' ? ['with', ...given] : given
  const resume = options.resume === 'with' ? true : (options.resume ?? false)
  const { config, changed } = configurationOf(words, options)
  const console = new Console({ stream: process.stderr, environment: process.env })
  const signals = stopOnSignals(line => console.line(line))
  const report = await train({
    config,
    changed,
    resume,
    runs: options.unobserved ? undefined : options.fileStorage,
    ...(options.comment === undefined ? {} : { comment: options.comment }),
    options: { ...options },
    console,
    stop: signals.stop,
  })
  say(report, console, options.json ?? false)
  if (report.status !== 'COMPLETED') process.exitCode = signals.exitCode()
}

function say(report: TrainingReport, console: Console, json: boolean): void {
  const { status, reason, epochs, best, bestPath, run } = report
  if (json) process.stdout.write(`${JSON.stringify({ status, reason, epochs, best, bestPath, run })}\n`)
  if (status !== 'COMPLETED') {
    console.line(`${reason}; go on with --resume`)
    return
  }
  if (reason) console.line(reason)
  if (best.epoch !== null && best.value !== null)
    console.line(`best model  epoch ${best.epoch + 1}, ${best.value.toPrecision(4)}: ${bestPath}`)
  if (run) console.line(`run record  ${run}`)
}

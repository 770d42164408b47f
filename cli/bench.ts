import { Command, InvalidArgumentError } from 'commander'
import { configurationOf, withConfiguration } from './options.ts'

interface OpsOptions {
  filter?: string
  adapter?: string
  seconds: number
  json?: boolean
}

interface StepOptions {
  config?: string
  steps: number
  profile?: boolean
  json?: boolean
}

interface LoaderOptions {
  config?: string
  stepSeconds?: number
  samples: number
  seconds: number
  json?: boolean
}

function positive(text: string): number {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('expected a positive number')
  return value
}

function positiveInteger(text: string): number {
  if (!Number.isInteger(positive(text))) throw new InvalidArgumentError('expected a positive integer')
  return Number(text)
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

function print(value: object | string): void {
  process.stdout.write(`${typeof value === 'string' ? value : JSON.stringify(value)}\n`)
}

/** `bench`: without a subcommand the target table; each subcommand is one of its measurements. */
export function makeBenchCommand(): Command {
  return new Command('bench')
    .description('measure: kernels, the training step, the loader')
    .addCommand(makeOpsCommand())
    .addCommand(makeStepCommand())
    .addCommand(makeLoaderCommand())
}

function makeOpsCommand(): Command {
  return new Command('ops')
    .description('time every kernel, against what the adapter can do at most')
    .option('--filter <text>', 'only rows whose name has all of these words')
    .option('--adapter <name>', 'part of an adapter name, or its index')
    .option('--seconds <s>', 'repeat each row for so long', positive, 0.3)
    .option('--json', 'print one JSON object on standard output')
    .action(runOps)
}

async function runOps({ filter, adapter, seconds, json }: OpsOptions): Promise<void> {
  const { benchOps } = await import('../bench/ops.ts')
  const { opsHeader, opsLine, opsTable } = await import('../bench/ops_text.ts')
  const report = await benchOps({
    ...(filter === undefined ? {} : { filter }),
    ...(adapter === undefined ? {} : { adapter }),
    seconds,
    onRow: line => say(opsLine(line)),
  })
  print(json ? report : `${opsHeader(report)}\n${opsTable(report)}`)
}

function makeStepCommand(): Command {
  return withConfiguration(new Command('step'))
    .description(
      'time the whole training step; 13 structures, 64×64×32, batch 2 unless the words after with say otherwise',
    )
    .option('--steps <n>', 'steps that count', positiveInteger, 5)
    .option('--profile', 'also run a step kernel by kernel and show what each takes')
    .option('--json', 'print one JSON object on standard output')
    .action(runStep)
}

async function runStep(words: string[], options: StepOptions): Promise<void> {
  const { benchStep } = await import('../bench/step.ts')
  const { stepText } = await import('../bench/step_text.ts')
  const { steps, profile = false, json } = options
  const report = await benchStep({ loaded: configurationOf(words, options), steps, profile })
  print(json ? report : stepText(report))
}

function makeLoaderCommand(): Command {
  return withConfiguration(new Command('loader'))
    .description('time the loader on dataset_path, or on a made-up dataset where the words after with name none')
    .option('--step-seconds <s>', 'what a training step takes; measured unless given', positive)
    .option('--samples <n>', 'samples of a made-up dataset', positiveInteger, 16)
    .option('--seconds <s>', 'repeat each measurement for so long', positive, 2)
    .option('--json', 'print one JSON object on standard output')
    .action(runLoader)
}

async function runLoader(words: string[], { stepSeconds, samples, seconds, json, ...options }: LoaderOptions) {
  const { benchLoader } = await import('../bench/loader.ts')
  const { loaderText } = await import('../bench/loader_text.ts')
  const loaded = configurationOf(words, options)
  const report = await benchLoader({ loaded, samples, seconds, ...(stepSeconds === undefined ? {} : { stepSeconds }) })
  print(json ? report : loaderText(report))
}

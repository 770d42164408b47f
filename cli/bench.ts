import { Command, InvalidArgumentError, Option } from 'commander'
import type { Precision } from '../src/graph/tensor.ts'
import { makeAbsenceCommand } from './bench/absence.ts'
import { makeOutcomeCommand } from './bench/outcome.ts'
import { makeScalingCommand } from './bench/scaling.ts'
import { say } from './console/say.ts'
import { collect, configurationOf, withConfiguration } from './options.ts'
import { stopOnSignals } from './process/signals.ts'

interface OpsOptions {
  filter?: string
  cases?: string
  adapter?: string
  seconds: number
  precision: Precision
  everyVariant?: boolean
  json?: boolean
}

interface TargetOptions {
  quick?: boolean
  resume?: boolean
  journal?: string
  json?: boolean
}

interface StepOptions {
  config?: string
  steps: number
  profile?: boolean
  json?: boolean
}

interface PeerOptions {
  config?: string
  python: string[]
  steps: number
  rounds: number
  json?: boolean
}

interface LoaderOptions {
  config?: string
  stepSeconds?: number
  samples: number
  seconds: number
  json?: boolean
}

interface TuneOptions {
  config?: string
  seconds: number
  ship?: boolean
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

function print(value: object | string): void {
  process.stdout.write(`${typeof value === 'string' ? value : JSON.stringify(value)}\n`)
}

/** `bench`: the target table; each subcommand is one of its measurements. */
export function makeBenchCommand(): Command {
  return new Command('bench')
    .description(
      'time kernels, training steps, the loader and more; without a subcommand, print the table of performance targets',
    )
    .addCommand(makeTargetsCommand(), { isDefault: true })
    .addCommand(makeOpsCommand())
    .addCommand(makeStepCommand())
    .addCommand(makeLoaderCommand())
    .addCommand(makeBitsCommand())
    .addCommand(makeTrainingCommand())
    .addCommand(makeScalingCommand())
    .addCommand(makeTuneCommand())
    .addCommand(makeRecordCommand())
    .addCommand(makeBoardCommand())
    .addCommand(makePeersCommand())
    .addCommand(makeOutcomeCommand())
    .addCommand(makeAbsenceCommand())
}

function makeTargetsCommand(): Command {
  return new Command('targets')
    .description('print the table of performance targets and results (default: all rows)')
    .argument('[rows...]', 'parts of row names; after the word with, key=value of the step')
    .option('--resume', 'continue an interrupted run without repeating its measurements')
    .option('--journal <file>', "file for the results so far (default: in the system's temporary folder)")
    .option('--quick', 'use tiny sizes: checks that everything runs, not how fast')
    .option('--json', 'print one JSON object')
    .action(runTargets)
}

async function runTargets(given: string[], options: TargetOptions): Promise<void> {
  const { benchTargets } = await import('../bench/targets/targets.ts')
  const { targetText } = await import('../bench/targets/text.ts')
  const { quick = false, resume = false, journal, json } = options
  const at = given.includes('with') ? given.indexOf('with') : given.length
  const report = await benchTargets({
    rows: given.slice(0, at),
    words: given.slice(at + 1),
    quick,
    resume,
    ...(journal === undefined ? {} : { journal }),
    say,
  })
  print(json ? report : targetText(report))
}

function makeOpsCommand(): Command {
  return new Command('ops')
    .description('time every kernel, relative to the peak of the adapter')
    .option('--filter <text>', 'only rows whose name contains all of these words')
    .option('--cases <module>', 'also the rows of these cases, such as kernels-test/cases/index.ts in a clone')
    .option('--adapter <name>', 'part of an adapter name, or its index')
    .option('--seconds <s>', 'seconds to repeat each row', positive, 0.3)
    .addOption(
      new Option('--precision <p>', 'number format of stored activations').choices(['f32', 'f16']).default('f32'),
    )
    .option('--every-variant', 'also run each row with the variants that would not be chosen')
    .option('--json', 'print one JSON object')
    .action(runOps)
}

async function runOps({ filter, cases, adapter, everyVariant = false, json, ...options }: OpsOptions): Promise<void> {
  const { benchOps } = await import('../bench/ops/ops.ts')
  const { readCases } = await import('../bench/ops/rows.ts')
  const { opsHeader, opsLine, opsTable } = await import('../bench/ops/text.ts')
  const report = await benchOps({
    cases: cases === undefined ? [] : await readCases(cases),
    ...(filter === undefined ? {} : { filter }),
    ...(adapter === undefined ? {} : { adapter }),
    ...options,
    everyVariant,
    onRow: line => say(opsLine(line)),
    warn: say,
  })
  print(json ? report : `${opsHeader(report)}\n${opsTable(report)}`)
  if (report.wrong.length > 0) process.exitCode = 1
}

function makeStepCommand(): Command {
  return withConfiguration(new Command('step'))
    .description('time a whole training step (default: 13 structures, 64×64×32, batch 2)')
    .option('--steps <n>', 'number of timed steps', positiveInteger, 5)
    .option('--profile', 'also run a step kernel by kernel and show the time of each')
    .option('--json', 'print one JSON object')
    .action(runStep)
}

async function runStep(words: string[], options: StepOptions): Promise<void> {
  const { benchStep } = await import('../bench/step/step.ts')
  const { stepText } = await import('../bench/step/text.ts')
  const { steps, profile = false, json } = options
  const report = await benchStep({ loaded: configurationOf(words, options), steps, profile })
  print(json ? report : stepText(report))
}

function makeLoaderCommand(): Command {
  return withConfiguration(new Command('loader'))
    .description('time the loader on dataset_path, if given after with, else on a generated dataset')
    .option('--step-seconds <s>', 'seconds per training step (default: measured)', positive)
    .option('--samples <n>', 'samples of the generated dataset', positiveInteger, 16)
    .option('--seconds <s>', 'seconds to repeat each measurement', positive, 2)
    .option('--json', 'print one JSON object')
    .action(runLoader)
}

async function runLoader(words: string[], { stepSeconds, samples, seconds, json, ...options }: LoaderOptions) {
  const { benchLoader } = await import('../bench/loader/loader.ts')
  const { loaderText } = await import('../bench/loader/text.ts')
  const loaded = configurationOf(words, options)
  const report = await benchLoader({ loaded, samples, seconds, ...(stepSeconds === undefined ? {} : { stepSeconds }) })
  print(json ? report : loaderText(report))
}

function makeBitsCommand(): Command {
  return withConfiguration(new Command('bits'))
    .description('train twice with the same seed and compare every bit of the result')
    .option('--steps <n>', 'training steps of each run', positiveInteger, 100)
    .option('--json', 'print one JSON object')
    .action(runBits)
}

async function runBits(words: string[], options: { config?: string; steps: number; json?: boolean }): Promise<void> {
  const { benchReproducible } = await import('../bench/step/reproducible.ts')
  const { workloadOf } = await import('../bench/workload.ts')
  const report = await benchReproducible(await workloadOf(configurationOf(words, options)), options.steps)
  print(options.json ? report : `${report.steps} steps, twice: ${report.identical ? 'identical bits' : 'DIFFERENT'}`)
}

interface TrainingOptions {
  config?: string
  epochs: number
  samples: number
  json?: boolean
}

function makeTrainingCommand(): Command {
  return withConfiguration(new Command('training'))
    .description(
      'train on a generated dataset, once uninterrupted and once stopped half-way and resumed, and compare every bit',
    )
    .option('--epochs <n>', 'number of epochs', positiveInteger, 4)
    .option('--samples <n>', 'number of training samples', positiveInteger, 16)
    .option('--json', 'print one JSON object')
    .action(runTraining)
}

async function runTraining(words: string[], { epochs, samples, json, ...options }: TrainingOptions): Promise<void> {
  const { benchTraining, trainingText } = await import('../bench/step/training.ts')
  const report = await benchTraining({ loaded: configurationOf(words, options), words, epochs, samples })
  print(json ? report : trainingText(report))
  if (!report.identical) process.exitCode = 1
}

function makeTuneCommand(): Command {
  return withConfiguration(new Command('tune'))
    .description('measure every variant of every kernel call of a training step and keep the fastest for this machine')
    .option('--seconds <s>', 'time limit in seconds', positive, 3600)
    .option('--ship', 'also write the table that the package ships for such adapters')
    .option('--json', 'print one JSON object')
    .action(runTune)
}

async function runTune(words: string[], { seconds, ship = false, json, ...options }: TuneOptions): Promise<void> {
  const { benchTune } = await import('../bench/tune/tune.ts')
  const { tuneLine, tuneText } = await import('../bench/tune/text.ts')
  const { workloadOf } = await import('../bench/workload.ts')
  const signals = stopOnSignals(say)
  const report = await benchTune({
    workload: await workloadOf(configurationOf(words, options)),
    budget: seconds,
    ship,
    stop: signals.stop,
    onCall: line => say(tuneLine(line)),
    warn: line => say(`warning: ${line}`),
  })
  print(json ? report : tuneText(report))
  if (signals.stop.aborted) process.exitCode = signals.exitCode()
}

function makeRecordCommand(): Command {
  return new Command('record')
    .description('measure the cost of a run record that already holds many points')
    .option('--points <n>', 'points logged beforehand', positiveInteger, 100_000)
    .option('--step-seconds <s>', 'seconds per training step', positive, 0.02)
    .option('--seconds <s>', 'seconds to run steps', positive, 30)
    .option('--json', 'print one JSON object')
    .action(runRecord)
}

async function runRecord(options: { points: number; stepSeconds: number; seconds: number; json?: boolean }) {
  const { benchRecord, recordText } = await import('../bench/record.ts')
  const report = await benchRecord(options)
  print(options.json ? report : recordText(report))
}

function makeBoardCommand(): Command {
  return new Command('board')
    .description('measure the board over many long runs, and beside a training')
    .option('--runs <n>', 'number of runs', positiveInteger, 500)
    .option('--points <n>', 'points of each run', positiveInteger, 100_000)
    .option('--seconds <s>', 'seconds to watch a training for, with and without a page', positive, 30)
    .option('--json', 'print one JSON object')
    .action(runBoard)
}

async function runBoard({ json, ...options }: { runs: number; points: number; seconds: number; json?: boolean }) {
  const { benchBoard, boardText } = await import('../bench/board/board.ts')
  const report = await benchBoard({ ...options, say })
  print(json ? report : boardText(report))
}

/** Peers are installed separately: torch in the user's own Pythons, tfjs in bench/peers. */
function makePeersCommand(): Command {
  return new Command('peers')
    .description('time the same work in other programs, in turn with ours')
    .addCommand(peerCommand('original', 'the original implementation in PyTorch, on the CPU').action(runOriginal))
    .addCommand(
      peerCommand('tuned', 'PyTorch in every precision and layout, on its GPU if it has one').action(runTuned),
    )
    .addCommand(
      new Command('tfjs')
        .description('convolutions of tfjs-backend-webgpu on the same adapter')
        .option('--size <n>', 'axis of the cubic volume', positiveInteger, 32)
        .option('--channels <n>', 'input and output channels', positiveInteger, 16)
        .option('--adapter <name>', 'part of an adapter name, or its index')
        .option('--json', 'print one JSON object')
        .action(runTfjs),
    )
}

function peerCommand(name: string, description: string): Command {
  return withConfiguration(new Command(name))
    .description(description)
    .option(
      '--python <path>',
      'a Python with torch; repeatable (default: SADAAN_PYTHON, SADAAN_PYTHON_2 and those found)',
      collect,
      [],
    )
    .option('--steps <n>', 'timed steps per measurement', positiveInteger, 3)
    .option('--rounds <n>', 'rounds in which all are measured in turn', positiveInteger, 1)
    .option('--json', 'print one JSON object')
}

async function peerRequest(words: string[], { python, steps, rounds, ...options }: PeerOptions) {
  const { findPythons } = await import('../bench/peers/python.ts')
  const pythons = await findPythons(python)
  const file = options.config === undefined ? [] : ['--config', options.config]
  const once = <T>(_: string, measure: () => Promise<T>): Promise<T> => measure()
  return { loaded: configurationOf(words, options), words: [...file, ...words], pythons, steps, rounds, say, once }
}

async function runOriginal(words: string[], options: PeerOptions): Promise<void> {
  const { benchOriginal, originalText } = await import('../bench/peers/original.ts')
  const report = await benchOriginal(await peerRequest(words, options))
  print(options.json ? report : originalText(report))
}

async function runTuned(words: string[], options: PeerOptions): Promise<void> {
  const { benchTuned, tunedText } = await import('../bench/peers/tuned.ts')
  const report = await benchTuned(await peerRequest(words, options))
  print(options.json ? report : tunedText(report))
}

async function runTfjs(options: { size: number; channels: number; adapter?: string; json?: boolean }): Promise<void> {
  const { benchTfjs, tfjsText } = await import('../bench/peers/tfjs.ts')
  const { size, channels, adapter } = options
  const shape = { samples: 1, inputs: channels, outputs: channels, volume: [size, size, size] as const }
  const report = await benchTfjs(shape, adapter)
  print(options.json ? report : tfjsText(report))
}

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadedConfig } from '../../src/config/load.ts'
import { featuresOf } from '../../src/nn/specification.ts'
import { InputError } from '../../src/util/error.ts'
import { PACKAGE_ROOT } from '../../src/util/package_root.ts'
import { ourJson, pythonJson } from '../processes.ts'
import type { StepReport } from '../step/step.ts'
import { workloadOf } from '../workload.ts'
import type { Pythons } from './python.ts'

/** The workload of both sides. */
export interface PeerRequest {
  loaded: LoadedConfig
  /** the command line words behind `loaded`, for our process */
  words: readonly string[]
  pythons: Pythons
  /** measured steps per measurement */
  steps: number
  /** number of rounds; each measures all sides in turn */
  rounds: number
  /** receives progress */
  say(line: string): void
  /** `Journal.once`, or a plain call */
  once<T>(name: string, measure: () => Promise<T>): Promise<T>
}

/** A way of running PyTorch. */
export interface OracleSettings {
  python: string
  device: 'cpu' | 'cuda'
  mode: string
  layout: string
  compiled: boolean
  /** copy the features for every structure, as the original does */
  original: boolean
}

/** The output of `sadaan_oracle.py bench`. */
export interface OracleResult {
  torch: string
  median_s: number
  samples_per_s: number
  peak_bytes: number
}

/** PyTorch threads: the number of cores of the machine that the targets refer to. */
const THREADS = 2

/** The original in plain PyTorch. */
const ORACLE = join(PACKAGE_ROOT, 'kernels-test/oracle/sadaan_oracle.py')

/** Runs the oracle with channels last, which PyTorch does not support for it directly. */
const CHANNELS_LAST = join(PACKAGE_ROOT, 'bench/peers/channels_last.py')

export async function runOracle(settings: OracleSettings, { loaded, steps }: PeerRequest): Promise<OracleResult> {
  if (!existsSync(ORACLE))
    throw new InputError(`${ORACLE}: no such file, expected a checkout: the package ships no PyTorch code`)
  const { shape, batchSize, dataset } = await workloadOf(loaded)
  if (dataset || shape.inChannels !== 1)
    throw new InputError(
      'bench peers: the oracle generates its own data with one channel: do not set dataset_path or in_channels',
    )
  const parameters = ['bench', '--channels', shape.channels.join(','), '--structures', `${shape.structures}`]
  parameters.push('--features', `${featuresOf(shape)}`)
  parameters.push('--size', shape.size.join(','), '--batch', `${batchSize}`, '--steps', `${steps}`)
  parameters.push('--device', settings.device, '--mode', settings.mode, '--layout', settings.layout)
  if (settings.device === 'cpu') parameters.push('--threads', `${THREADS}`)
  if (settings.compiled) parameters.push('--compile')
  if (settings.original) parameters.push('--original')
  const scripts = settings.layout === 'ndhwc' ? [CHANNELS_LAST, ORACLE] : [ORACLE]
  return pythonJson<OracleResult>(settings.python, [...scripts, ...parameters])
}

/** Our step, in a separate process. */
export function runOurs({ words, steps }: PeerRequest): Promise<StepReport> {
  return ourJson<StepReport>('cli/main.ts', ['bench', 'step', '--json', '--steps', `${steps}`, ...words])
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

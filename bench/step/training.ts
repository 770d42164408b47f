import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Checkpoint, readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import type { TorchTensor } from '../../src/checkpoint/pickle/torch_tensor.ts'
import { type LoadedConfig, loadConfig } from '../../src/config/load.ts'
import { Console } from '../../src/track/console/console.ts'
import { train } from '../../src/train/training.ts'
import { withTemporaryDataset, workloadOf } from '../workload.ts'

export interface TrainingRequest {
  loaded: LoadedConfig
  /** the command line words behind `loaded` */
  words: readonly string[]
  /** epochs of the uninterrupted training; the other stops halfway */
  epochs: number
  /** training samples of the synthetic dataset */
  samples: number
}

/** An uninterrupted training compared with one that stops halfway and resumes. */
export interface TrainingComparison {
  epochs: number
  samples: number
  size: readonly number[]
  batch_size: number
  precision: string
  /** total time of the uninterrupted training: opening, validation, checkpoints */
  seconds: number
  train_losses: number[]
  validation_losses: number[]
  /** whether weights, statistics and moments are bitwise equal */
  identical: boolean
}

/** Trains on synthetic data, once uninterrupted and once in two halves. Throws InputError on an invalid configuration. */
export async function benchTraining({ loaded, words, epochs, samples }: TrainingRequest): Promise<TrainingComparison> {
  const { shape, batchSize, config } = await workloadOf(loaded)
  const folder = mkdtempSync(join(tmpdir(), 'sadaan-training-'))
  try {
    return await withTemporaryDataset(shape, samples, async ({ directory }) => {
      const run = (name: string, count: number, resume = false): Promise<Checkpoint> => {
        const own = [`dataset_path=${directory}`, `training.batch_size=${batchSize}`, `training.num_epochs=${count}`]
        const given = words[0] === 'with' ? words.slice(1) : words
        return trained([...given, ...own, `checkpoint.save_dir=${join(folder, name)}`], resume)
      }
      const started = performance.now()
      const straight = await run('straight', epochs)
      const seconds = (performance.now() - started) / 1000
      await run('halves', Math.ceil(epochs / 2))
      const resumed = await run('halves', epochs, true)
      return {
        epochs,
        samples,
        size: shape.size,
        batch_size: batchSize,
        precision: config.compute.precision,
        seconds,
        train_losses: straight.trainLossHistory,
        validation_losses: straight.valLossHistory,
        identical: digestOf(straight) === digestOf(resumed),
      }
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The last checkpoint of a training. */
async function trained(overrides: readonly string[], resume: boolean): Promise<Checkpoint> {
  const { config } = loadConfig({ overrides })
  const console = new Console({ stream: process.stderr, environment: process.env })
  const stop = new AbortController().signal
  await train({ config, resume, runs: undefined, console, stop })
  return readCheckpoint(join(config.checkpoint.save_dir, 'last.pth'))
}

function digestOf({ model, optimizer }: Checkpoint): string {
  const hash = createHash('sha256')
  const add = ({ data }: TorchTensor): void => {
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
  for (const tensor of model.values()) add(tensor)
  for (const { exp_avg, exp_avg_sq } of optimizer!.state.values()) {
    add(exp_avg)
    add(exp_avg_sq)
  }
  return hash.digest('hex')
}

export function trainingText(report: TrainingComparison): string {
  const { epochs, samples, size, batch_size, precision, seconds, train_losses, identical } = report
  return [
    `${epochs} epochs of ${samples} samples of ${size.join('×')}, batch ${batch_size}, ${precision}: ${seconds.toPrecision(3)} s`,
    `loss ${train_losses.map(loss => loss.toPrecision(5)).join(' → ')}`,
    `stopped halfway and resumed: ${identical ? 'identical bits' : 'DIFFERENT'}`,
  ].join('\n')
}

import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type Checkpoint, readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import type { JsonObject } from '../../src/config/json.ts'
import type { Config } from '../../src/config/schema.ts'
import { readMetrics } from '../../src/track/metrics.ts'
import { type Ran, Shell } from '../cli/shell.ts'
import { type SmallSplit, temporaryDirectory, writeMetadata, writeSplit } from '../data/small_dataset.ts'

/*
 * Commands as the document shows them, run by a shell, each in a folder of its own. To a command only words are added: a narrow model,
 * fewer epochs, and what makes its effect visible. They share a process: on a slow adapter, compiling takes longer than training.
 */

export const STRUCTURES = ['left_lung', 'right_lung', 'heart']
export const SIZE: [number, number, number] = [32, 16, 16]
export const NARROW = 'model.channels=[2,4,6,8,10]'
/** The document's weights of the loss terms. */
export const WEIGHTS = {
  segmentation: 1,
  dice: 2,
  focal_seg: 1,
  absence: 1,
  attention_supervision: 0.5,
  false_positive_suppression: 0.5,
  confidence: 0.1,
}

/** pictures cost more than such a training; they change no bit of it */
const NO_PICTURES = 'logging.visualize_predictions=False'
export const ONE_EPOCH = 'training.num_epochs=1'
/** without what differs from sample to sample: all that is left is the model and its loss */
export const PLAIN = ['augmentation.enabled=False', 'model.dropout=0']

const root = temporaryDirectory()
const shell = Shell.resident(join(root, 'bin'))

const split = { samples: 8, structures: STRUCTURES.length, imageSize: SIZE }
const few = { ...split, samples: 2 }
/** for what takes many epochs */
const brief: [SmallSplit, SmallSplit] = [
  { ...split, samples: 4, imageSize: [16, 16, 16] },
  { ...split, samples: 1, imageSize: [16, 16, 16] },
]

/** Datasets by name: what they train on, and what they validate with. */
const DATASETS = {
  usual: [split, few],
  many: [{ ...split, samples: 16 }, few],
  smaller: [
    { ...split, samples: 4, structures: 2 },
    { ...few, structures: 2 },
  ],
  /** every sample is the same, so the batch norm of any batch sees the same statistics */
  alike: [{ ...split, sampleAt: () => 2 }, few],
  colours: [
    { ...split, channels: 3 },
    { ...few, channels: 3 },
  ],
  /** its validation knows no label: the loss is 0 for good, and never gets better */
  unjudged: [brief[0], { ...brief[1], presence: () => -1 }],
  brief,
} satisfies Record<string, [SmallSplit, SmallSplit]>

export type DatasetName = keyof typeof DATASETS

for (const [name, [train, val]] of Object.entries(DATASETS)) {
  const folder = datasetFolder(name as DatasetName)
  mkdirSync(folder)
  await writeSplit(join(folder, 'train.h5'), train)
  await writeSplit(join(folder, 'val.h5'), val)
  const structureNames = STRUCTURES.slice(0, train.structures)
  writeMetadata(folder, { structure_names: structureNames, image_size: train.imageSize })
}

export function datasetFolder(name: DatasetName): string {
  return join(root, name)
}

let folders = 0

/**
 * Runs a documented command with words behind it, in an empty folder but for the dataset, which stands where the default of dataset_path
 * is, or at `at`; `pictures` are drawn where the test is about them.
 */
export async function runDocumented(
  command: string,
  added: readonly string[] = [],
  {
    data = 'usual',
    at = 'synthetic_medical_dataset_hdf5',
    pictures = false,
  }: { data?: DatasetName; at?: string; pictures?: boolean } = {},
): Promise<Left> {
  const cwd = join(root, `run${++folders}`)
  mkdirSync(cwd)
  symlinkSync(datasetFolder(data), join(cwd, at))
  const start = / with\s/.test(command) ? command : `${command} with`
  const words = [NARROW, ...(pictures ? [] : [NO_PICTURES]), ...added].map(word => `'${word}'`)
  return new Left(cwd, await shell.run([start, ...words].join(' '), cwd))
}

/** As `runDocumented`, of a command that must succeed. */
export async function documented(...request: Parameters<typeof runDocumented>): Promise<Left> {
  const left = await runDocumented(...request)
  expect(left.said.code, `${request[0]}\n${left.said.output}`).toBe(0)
  return left
}

/** What a command left in its folder. */
export class Left {
  readonly cwd: string
  readonly said: Ran

  constructor(cwd: string, said: Ran) {
    this.cwd = cwd
    this.said = said
  }

  /** The configuration that the run was recorded with. */
  get config(): Config {
    return this.json('sacred_runs/1/config.json') as unknown as Config
  }

  json(path: string): JsonObject {
    return JSON.parse(readFileSync(join(this.cwd, path), 'utf8')) as JsonObject
  }

  /** The values of a metric, in order. */
  values(metric: string): (number | null)[] {
    return this.series(metric).values
  }

  steps(metric: string): number[] {
    return this.series(metric).steps
  }

  private series(metric: string) {
    const found = readMetrics(join(this.cwd, 'sacred_runs/1')).get(metric)
    if (!found) throw new Error(`${this.cwd}: no metric ${metric}`)
    return found
  }

  checkpoint(name = 'last.pth', folder = 'checkpoints'): Checkpoint {
    return readCheckpoint(join(this.cwd, folder, name))
  }

  /** Updates that the optimiser has made, as its state says. */
  get updates(): number {
    return this.checkpoint().optimizer!.state.get(0)!.step
  }

  /** Names in a folder that do not begin with a dot; none where there is no such folder. */
  files(folder: string): string[] {
    const path = join(this.cwd, folder)
    return existsSync(path)
      ? readdirSync(path)
          .filter(name => !name.startsWith('.'))
          .sort()
      : []
  }

  /** A further command in the same folder, which must succeed. */
  async afterwards(command: string): Promise<Ran> {
    const said = await shell.run(command, this.cwd)
    expect(said.code, `${command}\n${said.output}`).toBe(0)
    return said
  }
}

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import type { Checkpoint } from '../../src/checkpoint/checkpoint.ts'
import { loadConfig } from '../../src/config/load.ts'
import { Console } from '../../src/track/console/console.ts'
import { readMetrics } from '../../src/track/metrics.ts'
import type { TrainingRequest } from '../../src/train/request.ts'
import { type TrainingReport, train } from '../../src/train/training.ts'
import { writeMetadata, writeSplit } from '../data/small_dataset.ts'
import { onOneDevice } from '../one_device.ts'

/** Words of every small training: the smallest model that has all of SADAAN's parts, and no pictures, which take longer than it. */
export const SMALL = ['model.channels=[2,4,4,6,8]', 'training.batch_size=1', 'logging.visualize_predictions=False']

/** Three structures, two of them sides of one organ. */
export const STRUCTURES = ['left_lung', 'right_lung', 'heart']

/** A dataset with so many training and validation samples, (32, 16, 16). */
export async function smallDataset(folder: string, train: number, validation: number): Promise<string> {
  mkdirSync(folder, { recursive: true })
  const imageSize: [number, number, number] = [32, 16, 16]
  const split = { structures: STRUCTURES.length, imageSize }
  await writeSplit(join(folder, 'train.h5'), { ...split, samples: train })
  await writeSplit(join(folder, 'val.h5'), { ...split, samples: validation })
  writeMetadata(folder, { structure_names: STRUCTURES, image_size: imageSize })
  return folder
}

export interface Trained extends TrainingReport {
  /** what the console said */
  lines: string[]
}

/** `train` as the command calls it, in this process. Words are those behind `with`; runs are recorded in `<folder>/runs`. */
export async function trainHere(
  folder: string,
  words: readonly string[],
  resume: boolean | string = false,
  more: Partial<TrainingRequest> = {},
  lines: string[] = [],
): Promise<Trained> {
  const { config } = loadConfig({
    overrides: [...words, `checkpoint.save_dir=${join(folder, 'checkpoints')}`],
  })
  const stream = { write: (text: string) => lines.push(text.trimEnd()), on: () => undefined }
  const request = {
    config,
    resume,
    runs: join(folder, 'runs'),
    console: new Console({ stream, environment: {} }),
    stop: new AbortController().signal,
    ...more,
  }
  const report = await onOneDevice(() => train(request))
  return { ...report, lines }
}

/** All that must be equal, bit for bit. What tells only where a run was saved, and under which number, is left out. */
export function substance({ sadaan, ...rest }: Checkpoint): object {
  const { config, run, ...progress } = sadaan as unknown as { config: Record<string, object>; run: number }
  expect(run).toBeGreaterThan(0)
  const { checkpoint, training, ...others } = config
  const { num_epochs, ...trained } = training as { num_epochs: number }
  expect(checkpoint).toHaveProperty('save_dir')
  expect(num_epochs).toBeGreaterThan(0)
  return { ...rest, progress, others, trained }
}

/** Expects two checkpoints to have the same substance, and names the parts that differ: of two objects this large vitest shows nothing. */
export function expectSame(found: Checkpoint, expected: Checkpoint): void {
  const [has, wanted] = [found, expected].map(each => new Map(partsOf(substance(each)))) as [Parts, Parts]
  const names = [...new Set([...has.keys(), ...wanted.keys()])]
  expect(names.filter(name => !isDeepStrictEqual(has.get(name), wanted.get(name)))).toEqual([])
}

type Parts = Map<string, unknown>

/** Everything within `whole` that has no names of its own, as numbers and arrays of them, with the path to it. */
function partsOf(whole: unknown, path = ''): [string, unknown][] {
  const inside = whole instanceof Map ? [...whole] : isNaming(whole) ? Object.entries(whole) : undefined
  if (!inside) return [[path, whole]]
  return inside.flatMap(([name, part]) => partsOf(part, `${path}/${name}`))
}

function isNaming(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

/** Steps and values of every metric of a run but those that tell how fast it was. */
export function figuresOf(run: string): object {
  return Object.fromEntries(
    [...readMetrics(run)]
      .filter(([name]) => !/^system\.(samples_per_second|loader_wait_seconds)$/.test(name))
      .map(([name, { steps, values }]) => [name, { steps, values }]),
  )
}

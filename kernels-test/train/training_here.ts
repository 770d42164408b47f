import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/load.ts'
import { Console } from '../../src/track/console.ts'
import { type TrainingReport, type TrainingRequest, train } from '../../src/train/training.ts'
import { writeMetadata, writeSplit } from '../data/small_dataset.ts'

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
): Promise<Trained> {
  const { config } = loadConfig({
    overrides: [...words, `checkpoint.save_dir=${join(folder, 'checkpoints')}`],
  })
  const lines: string[] = []
  const stream = { write: (text: string) => lines.push(text.trimEnd()), on: () => undefined }
  const report = await train({
    config,
    resume,
    runs: join(folder, 'runs'),
    console: new Console({ stream, environment: {} }),
    stop: new AbortController().signal,
    ...more,
  })
  return { ...report, lines }
}

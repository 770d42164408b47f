import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Command } from '../cli/command.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { smallDataset } from '../train/training_here.ts'

const EPOCHS = 35
const STEPS_PER_EPOCH = 100
/** Caches and pipelines have their size after 500 steps, the heap of the garbage collector after 2,000. */
const WARM = 2000 // steps
const WINDOW = 500 // steps
/** The collector decides when a heap shrinks: the level is the lowest of many, and may differ by this. */
const NOISE = 32e6 // bytes

const root = temporaryDirectory()

interface Level {
  /** finished epochs */
  epochs: number
  bytes: number
  files: number
  threads: number
}

/** What the process holds. */
function levelOf(pid: number, epochs: number): Level {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)![1])
  const files = readdirSync(`/proc/${pid}/fd`).length
  return { epochs, bytes: field('VmRSS') * 1024, files, threads: field('Threads') }
}

async function levelsOf(words: readonly string[]): Promise<Level[]> {
  const command = new Command(words, root)
  const levels: Level[] = []
  let epochs = 0
  command.child.stderr!.on('data', (text: string) => {
    for (const [, epoch] of text.matchAll(/^epoch (\d+)\/\d+ {2}train /gm)) epochs = Number(epoch)
  })
  let isOver = false
  command.child.on('exit', () => {
    isOver = true
  })
  while (!isOver) {
    await sleep(100)
    try {
      if (epochs > 0 && epochs < EPOCHS) levels.push(levelOf(command.child.pid!, epochs))
    } catch {
      break // it has just ended
    }
  }
  const { code, stderr } = await command.finished
  expect(code, stderr).toBe(0)
  return levels
}

const lowest = (values: readonly number[]): number => Math.min(...values)

test.skipIf(process.platform !== 'linux')(
  '3,500 steps: memory, files and threads stay as they are after 2,000',
  async () => {
    const dataset = join(root, 'dataset')
    mkdirSync(dataset)
    await smallDataset(dataset, STEPS_PER_EPOCH, 1)
    // unobserved: the record of a run holds its points, which grow with the steps
    const levels = await levelsOf([
      ...[
        'train',
        '--unobserved',
        'with',
        `dataset_path=${dataset}`,
        'model.channels=[1,2,2,2,2]',
        'training.batch_size=1',
        // on a busy machine a second thread would start at any time, with memory and files of its own
        'training.num_workers=1',
      ],
      ...[`training.num_epochs=${EPOCHS}`, 'training.early_stopping_patience=1000', 'compute.autotune=off'],
      ...['logging.visualize_predictions=False', 'checkpoint.save_frequency=1000'],
    ])
    const steps = ({ epochs }: Level): number => epochs * STEPS_PER_EPOCH
    const early = levels.filter(level => steps(level) >= WARM && steps(level) < WARM + WINDOW)
    const late = levels.filter(level => steps(level) >= EPOCHS * STEPS_PER_EPOCH - WINDOW)
    expect(Math.min(early.length, late.length)).toBeGreaterThan(5)
    const [before, after] = [early, late].map(some => ({
      bytes: lowest(some.map(({ bytes }) => bytes)),
      files: lowest(some.map(({ files }) => files)),
      threads: lowest(some.map(({ threads }) => threads)),
    }))
    console.log('steps 2,000 to 2,500:', before, 'steps 3,000 to 3,500:', after)
    expect(after!.bytes - before!.bytes).toBeLessThan(NOISE)
    expect(after!.files).toBeLessThanOrEqual(before!.files)
    expect(after!.threads).toBeLessThanOrEqual(before!.threads)
  },
)

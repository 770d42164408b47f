// full: trains with two processes three times
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { descendantsOf } from '../../src/util/system/processes.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { launchers } from '../distributed/mpirun.ts'
import { SMALL, smallDataset } from '../train/training_here.ts'
import { Command, run } from './command.ts'

const root = temporaryDirectory()
const dataset = await smallDataset(join(root, 'dataset'), 16, 3)
const missing = launchers.every(launcher => launcher.missing) ? launchers[0]!.missing! : undefined

/** Eight samples at a time, of which two ranks take four each. */
const words = (folder: string, epochs: number): string[] => [
  ...['train', '--gpus', '2', 'with', ...SMALL, `dataset_path=${dataset}`, 'training.batch_size=8'],
  ...[`training.num_epochs=${epochs}`, 'training.early_stopping_patience=1000', `checkpoint.save_dir=${folder}`],
]
const SHARED = 'compute.share_adapters=True'

const rankIn = (environment: ReadonlyMap<string, string>): string | undefined =>
  environment.get('OMPI_COMM_WORLD_RANK') ?? environment.get('PMI_RANK')

const recordOf = (folder: string) => JSON.parse(readFileSync(join(folder, 'sacred_runs/1/run.json'), 'utf8'))

test.skipIf(missing)('--gpus 2 trains with two ranks, which share the software adapter if they may', async () => {
  const folder = join(root, 'trained')
  const started = new Command([...words(folder, 1), SHARED], temporaryDirectory())
  const { code, stderr } = await started.finished
  expect(code, stderr).toBe(0)
  expect(stderr).toMatch(/^ranks +2, each with 4 of the 8 samples of a batch$/m)
  expect(stderr).toMatch(/^best model +epoch 1, /m)
})

test.skipIf(missing)('a signal to the command stops all ranks, saved, with the code of the signal', async () => {
  const cwd = temporaryDirectory()
  const started = new Command([...words(join(cwd, 'checkpoints'), 100_000), SHARED], cwd)
  await started.says(/^epoch 1\/\d+ {2}train /m)
  started.child.kill('SIGTERM')
  const { code, stderr } = await started.finished
  expect(code, stderr).toBe(143)
  expect(stderr).toMatch(/^stopped .*; continue with --resume$/m)
  expect(recordOf(cwd).status).toBe('INTERRUPTED')
})

test.skipIf(missing)('a rank that is killed ends the command, whose last line names it', async () => {
  const cwd = temporaryDirectory()
  const started = new Command([...words(join(cwd, 'checkpoints'), 100_000), SHARED], cwd)
  await started.says(/^epoch 1\/\d+ {2}train /m)
  const ranks = descendantsOf(started.child.pid!).filter(({ environment }) => rankIn(environment) === '1')
  process.kill(ranks[0]!.pid, 'SIGKILL')
  const { code, stderr } = await started.finished
  expect(code, stderr).toBe(1)
  expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^sadaan-gpu: .*rank 1 on /)
})

test.each([
  [['--gpus', 'both'], '--gpus both: expected all, how many (2), or which (0,1)'],
  [['--gpus', '0'], '--gpus 0: expected all, how many (2), or which (0,1)'],
])('%j is refused', async (option, message) => {
  const { code, stderr } = await run(['train', ...option, 'with', `dataset_path=${dataset}`], root)
  expect({ code, stderr }).toEqual({ code: 2, stderr: `sadaan-gpu: ${message}\n` })
})

test.skipIf(missing)('more ranks than adapters are refused before any is started', async () => {
  const { code, stderr } = await new Command(words(join(root, 'refused'), 1), root).finished
  expect(stderr).toMatch(
    /^sadaan-gpu: 2 ranks on \S+, but .*: start fewer, or let ranks share with compute.share_adapters=True\n$/,
  )
  expect(code).toBe(2)
})

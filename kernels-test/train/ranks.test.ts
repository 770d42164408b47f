// full: trains with one, two and four processes under each MPI
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { Command } from '../cli/command.ts'
import { PROGRAM } from '../cli/program.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { Launched, type Launcher, launchers } from '../distributed/mpirun.ts'
import { SMALL, smallDataset } from './training_here.ts'

/** Windows of four batches: eleven make two whole ones and one of three. Neither 2 nor 4 samples at a time divide them. */
const SAMPLES = 11
const WINDOW = 4
const UPDATES_AN_EPOCH = 3
const EPOCHS = 7

const root = temporaryDirectory()
const dataset = await smallDataset(join(root, 'dataset'), SAMPLES, 3)
const words = [
  ...SMALL,
  `dataset_path=${dataset}`,
  'training.early_stopping_patience=1000',
  'training.num_workers=0',
  'compute.share_adapters=True',
  'model.dropout=0.5',
  'optimizer.lr_scheduler=reduce_on_plateau',
  'optimizer.ema_decay=0.9',
  'augmentation.flip_probability=0.5',
]

interface Run {
  folder: string
  ranks: number
  epochs?: number
  more?: readonly string[]
  resume?: boolean
}

/** Trains with so many ranks, each with batches of one sample; without a launcher as a process of its own. */
async function train(launcher: Launcher | undefined, { folder, ranks, epochs = EPOCHS, more = [], resume }: Run) {
  const given = [
    ...[...words, ...more, `training.num_epochs=${epochs}`, `training.batch_size=${ranks}`],
    ...[`training.gradient_accumulation_steps=${WINDOW / ranks}`, `checkpoint.save_dir=${folder}`],
  ]
  const options = ['--unobserved', ...(resume ? ['--resume'] : [])]
  const command = ['train', ...options, 'with', ...given]
  const { code, stderr } = launcher
    ? await new Launched(launcher, ranks, [PROGRAM, ...command], { LP_NUM_THREADS: '1' }).ended
    : await new Command(command, root).finished
  expect(code, stderr).toBe(0)
  return stderr
}

/** SHA-256 of parameters, running statistics, batches tracked, their averages, moments and counts of updates. */
function digestOf(folder: string): { digest: string; updates: number } {
  const { model, live, optimizer } = readCheckpoint(join(folder, 'last.pth'))
  const hash = createHash('sha256')
  for (const [name, { data }] of [...model, ...live!]) hash.update(name).update(data)
  for (const [index, { step, exp_avg, exp_avg_sq }] of optimizer!.state)
    hash.update(`${index} ${step}`).update(exp_avg.data).update(exp_avg_sq.data)
  return { digest: hash.digest('hex'), updates: optimizer!.state.get(0)!.step }
}

const [openMpi, mpich] = launchers as [Launcher, Launcher]
const within = (name: string): string => join(root, name)
const alone = (run: Partial<Run> = {}): Promise<string> => train(undefined, { folder: within('1'), ranks: 1, ...run })

describe('one, two and four ranks train the same bits', () => {
  test.skipIf(openMpi.missing)('with Open MPI, also when resumed with another number', async () => {
    await alone()
    for (const ranks of [2, 4]) await train(openMpi, { folder: within(`${ranks}`), ranks })
    const expected = digestOf(within('1'))
    expect(expected.updates).toBe(EPOCHS * UPDATES_AN_EPOCH)
    for (const ranks of [2, 4]) expect(digestOf(within(`${ranks}`)), `${ranks} ranks`).toEqual(expected)

    await train(openMpi, { folder: within('resumed'), ranks: 4, epochs: 3 })
    await train(openMpi, { folder: within('resumed'), ranks: 2, resume: true })
    expect(digestOf(within('resumed'))).toEqual(expected)
  })

  test.skipIf(mpich.missing)('with MPICH and f16 activations, and skip the windows that overflow', async () => {
    // large gradients: the first windows overflow until the loss scale is small enough
    const half = { more: ['compute.precision=f16', 'loss_weights.segmentation=1e5'], epochs: 2 }
    await alone({ folder: within('half 1'), ...half })
    for (const ranks of [2, 4]) await train(mpich, { folder: within(`half ${ranks}`), ranks, ...half })
    const expected = digestOf(within('half 1'))
    expect(expected.updates).toBeGreaterThan(0)
    expect(expected.updates).toBeLessThan(2 * UPDATES_AN_EPOCH)
    for (const ranks of [2, 4]) expect(digestOf(within(`half ${ranks}`)), `${ranks} ranks`).toEqual(expected)
  })
})

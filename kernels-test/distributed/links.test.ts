// full: waits until ranks give up a network that is down
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { PROGRAM } from '../cli/program.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { SMALL, smallDataset } from '../train/training_here.ts'
import { Hosts, launcher, missing } from './hosts.ts'
import { Launched } from './mpirun.ts'

/** s; MPI's own connections give up later */
const TIMEOUT = 5

test.skipIf(missing)('a link that goes down ends all ranks, and the training can be resumed', async () => {
  const root = temporaryDirectory()
  const dataset = await smallDataset(join(root, 'dataset'), 8, 2)
  const hosts = Hosts.make()
  onTestFinished(() => hosts.remove())
  const folder = join(root, 'checkpoints')
  const start = (epochs: number, ...options: string[]): Launched => {
    const words = [...SMALL.slice(0, 1), ...SMALL.slice(2), `dataset_path=${dataset}`, `checkpoint.save_dir=${folder}`]
    words.push('training.batch_size=2', 'training.num_workers=0', `training.num_epochs=${epochs}`)
    words.push('training.early_stopping_patience=100000', 'compute.share_adapters=True')
    words.push(`compute.rank_timeout=${TIMEOUT}`)
    const onHosts = { ...launcher, entry: hosts.entry(root) }
    const command = [PROGRAM, 'train', '--unobserved', ...options, 'with', ...words]
    return new Launched(onHosts, 2, command, { LP_NUM_THREADS: '1', ...hosts.environment })
  }

  const cut = start(100_000)
  await cut.says(/^epoch 2\/\d+ /m)
  hosts.unplug()
  const { code, stderr } = await cut.ended
  expect(code).toBeGreaterThan(0)
  const own = stderr.split('\n').filter(line => line.startsWith('sadaan-gpu: '))
  expect(own).toEqual([expect.stringMatching(/: waited \d+ s in .* \(compute.rank_timeout\)/)])

  hosts.plug()
  const { epoch } = readCheckpoint(join(folder, 'last.pth'))
  const resumed = await start(epoch + 2, '--resume').ended
  expect(resumed.code, resumed.stderr).toBe(0)
  expect(resumed.stderr).toMatch(/^resumed from /m)
  expect(readCheckpoint(join(folder, 'last.pth')).epoch).toBe(epoch + 1)
})

// full: trains with two processes until one loses its device
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { PROGRAM } from '../cli/program.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { SMALL, smallDataset } from '../train/training_here.ts'
import { Launched, launchers } from './mpirun.ts'

describe.each(launchers)('$name', launcher => {
  test.skipIf(launcher.missing)(
    'a rank that loses its device ends all, says so, and leaves a good checkpoint',
    async () => {
      const root = temporaryDirectory()
      const dataset = await smallDataset(join(root, 'dataset'), 8, 2)
      const losing = join(import.meta.dirname, 'children/lost_device.mjs')
      const words = [...SMALL.filter(word => !word.includes('batch_size')), `dataset_path=${dataset}`]
      words.push('training.batch_size=2', 'training.num_epochs=100000', 'training.num_workers=0')
      words.push('training.early_stopping_patience=100000', 'compute.share_adapters=True')
      words.push(`checkpoint.save_dir=${join(root, 'checkpoints')}`)
      const environment = { LP_NUM_THREADS: '1', LOSE_DEVICE: join(root, 'lose') }
      const command = ['--import', losing, PROGRAM, 'train', '--unobserved', 'with', ...words]
      const ranks = new Launched(launcher, 2, command, environment)
      await ranks.says(/^epoch 2\/\d+ /m)
      writeFileSync(environment.LOSE_DEVICE, '')
      const { code, stderr } = await ranks.ended
      expect(code).toBeGreaterThan(0)
      const own = stderr.split('\n').filter(line => line.startsWith('sadaan-gpu: '))
      expect(own).toEqual([expect.stringMatching(`^sadaan-gpu: rank 1 on ${hostname()}: .*(lost|destroyed)`)])
      expect(readCheckpoint(join(root, 'checkpoints/last.pth')).epoch).toBeGreaterThanOrEqual(0)
    },
  )
})

// full: stops and restarts a Slurm job of forty epochs
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { PACKAGE_ROOT } from '../../src/util/package_root.ts'
import { Shell } from '../cli/shell.ts'
import { temporaryDirectory, writeDataset } from '../data/small_dataset.ts'
import { fencedBlocks } from './blocks.ts'

const EPOCHS = 40

test('the job of the page on clusters puts itself back in the queue, and goes on when it is started again', async () => {
  const cwd = temporaryDirectory()
  const split = { samples: 4, structures: 2, imageSize: [32, 16, 16] as [number, number, number] }
  mkdirSync(join(cwd, 'data'))
  await writeDataset(join(cwd, 'data'), split)
  const training = { batch_size: 2, num_epochs: EPOCHS, early_stopping_patience: EPOCHS }
  const config = { dataset_path: 'data', model: { channels: [2, 4, 4, 6, 8] }, training }
  writeFileSync(join(cwd, 'cfg.json'), JSON.stringify(config))
  const [job] = fencedBlocks(join(PACKAGE_ROOT, 'docs/clusters.md'), 'bash')
  writeFileSync(join(cwd, 'train.sbatch'), job!.script)

  // what a compute node has: scontrol, and the number of the job
  const shell = new Shell(join(cwd, 'bin'))
  shell.install('scontrol', `echo "$@" >> "${cwd}/scontrol.txt"`)
  const start = () => shell.start('exec bash train.sbatch', cwd, { environment: { SLURM_JOB_ID: '17' } })
  const run = (id: number, file: string) => JSON.parse(readFileSync(join(cwd, 'sacred_runs', String(id), file), 'utf8'))

  const first = start()
  const begun = () => expect(first.said.stderr).toMatch(/^epoch 2\/\d+ {2}train /m)
  await Promise.race([vi.waitFor(begun, { timeout: 1_800_000 }), first.finished])
  first.child.kill('SIGUSR1')
  const ended = await first.finished
  expect(ended.code, ended.output).toBe(75)
  expect(run(1, 'run.json').status).toBe('TIMEOUT')
  expect(readFileSync(join(cwd, 'scontrol.txt'), 'utf8')).toBe('requeue 17\n')

  const again = await start().finished
  expect(again.code, again.output).toBe(0)
  expect(again.stderr).toMatch(/^resumed from .*last\.pth/m)
  expect(again.stderr).toMatch(new RegExp(`^epoch ${EPOCHS}/${EPOCHS} {2}train `, 'm'))
  expect(run(2, 'run.json').status).toBe('COMPLETED')
  expect(run(2, 'info.json').resumed_from.run).toBe(1)
  expect(readFileSync(join(cwd, 'scontrol.txt'), 'utf8')).toBe('requeue 17\n')

  // a mistake in the job is not tried again
  writeFileSync(join(cwd, 'cfg.json'), JSON.stringify({ ...config, dataset_path: 'nowhere', seed: 1 }))
  const wrong = await start().finished
  expect(wrong.code, wrong.output).toBe(2)
  expect(existsSync(join(cwd, 'sacred_runs/3'))).toBe(false)
  expect(readFileSync(join(cwd, 'scontrol.txt'), 'utf8')).toBe('requeue 17\n')
})

// full: a rank compiles for SwiftShader
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listAdapters } from '../../src/gpu/adapter.ts'
import { swiftShaderDescription, swiftShaderInstalled } from '../../src/gpu/software/swiftshader.ts'
import { PROGRAM } from '../cli/program.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { SMALL, smallDataset } from '../train/training_here.ts'
import { Launched, launchers } from './mpirun.ts'

const launcher = launchers[0]!
const isOther = !(await listAdapters()).some(({ name }) => /SwiftShader/.test(name))
const missing =
  launcher.missing ??
  (isOther && swiftShaderInstalled() ? undefined : 'SwiftShader is not there beside another adapter')

test.skipIf(missing)('ranks on different adapters go on with the weights of rank 0', async () => {
  const root = temporaryDirectory()
  const dataset = await smallDataset(join(root, 'dataset'), 5, 2)
  const entry = join(root, 'entry.sh')
  const driver = swiftShaderDescription()
  expect(existsSync(driver)).toBe(true)
  const other = `if [ "$OMPI_COMM_WORLD_RANK" = 1 ]; then export VK_DRIVER_FILES=${driver} VK_ICD_FILENAMES=${driver}; fi`
  writeFileSync(entry, `#!/bin/sh\n${other}\nexec "$@"\n`, { mode: 0o755 })
  const words = [...SMALL.filter(word => !word.includes('batch_size')), `dataset_path=${dataset}`]
  words.push('training.batch_size=2', 'training.num_epochs=2', 'training.num_workers=0', 'optimizer.ema_decay=0.9')
  words.push('compute.share_adapters=True', `checkpoint.save_dir=${join(root, 'checkpoints')}`)
  const { code, stderr } = await new Launched(
    { ...launcher, entry },
    2,
    [PROGRAM, 'train', 'with', ...words],
    { LP_NUM_THREADS: '1' },
    root,
  ).ended
  expect(code, stderr).toBe(0)
  const said = /^the ranks differ in adapters or drivers \(.*SwiftShader.*\): rank 0 updates the weights/gm
  expect(stderr.match(said)).toHaveLength(1)
  // the digests of an epoch were compared, and the same
  expect(stderr).toMatch(/^epoch 2\/2 .*val/m)
  const { ranks } = JSON.parse(readFileSync(join(root, 'sacred_runs/1/info.json'), 'utf8'))
  expect(ranks).toMatchObject([
    { driver: expect.not.stringMatching(/SwiftShader/) },
    { adapter: expect.stringMatching(/SwiftShader/) },
  ])
})

// full: loses devices of programs in processes of their own
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Command, type Finished } from '../cli/command.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { writeSmallModel } from '../predict/small_model.ts'
import { SMALL, STRUCTURES, smallDataset } from '../train/training_here.ts'

/** The driver that the tests run on: a Vulkan loader finds it by a description that this variable names. */
const { VK_DRIVER_FILES: description } = process.env

const noDriver =
  description === undefined || !existsSync(description)
    ? 'needs VK_DRIVER_FILES, which names the driver to stand in front of'
    : spawnSync('gcc', ['--version']).status !== 0
      ? 'needs gcc'
      : undefined

const root = temporaryDirectory()
const lostFile = join(root, 'lost')
const weights = join(root, 'model.pth')
const dataset = await smallDataset(join(root, 'dataset'), 4, 1)
writeSmallModel(weights, STRUCTURES, { size: [32, 16, 16], inChannels: 1 })

beforeEach(() => {
  if (noDriver !== undefined) return
  const library = join(root, 'driver.so')
  const source = fileURLToPath(new URL('losing_driver.c', import.meta.url))
  const { status, stderr } = spawnSync('gcc', ['-O1', '-shared', '-fPIC', '-o', library, source, '-ldl'], {
    encoding: 'utf8',
  })
  expect(status, stderr).toBe(0)
  const described = JSON.parse(readFileSync(description!, 'utf8')) as { ICD: { library_path: string } }
  const { library_path: real } = described.ICD
  writeFileSync(
    join(root, 'driver.json'),
    JSON.stringify({ ...described, ICD: { ...described.ICD, library_path: library } }),
  )
  vi.stubEnv('VK_DRIVER_FILES', join(root, 'driver.json'))
  vi.stubEnv('REAL_DRIVER', real.includes('/') ? resolve(dirname(description!), real) : real)
  vi.stubEnv('LOST_FILE', lostFile)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(lostFile, { force: true })
})

function folder(name: string): string {
  mkdirSync(join(root, name))
  return join(root, name)
}

/** The last line of a program names the loss, and the code is that of a failure. */
function expectLoss({ code, stderr }: Finished): void {
  expect(code, stderr).toBe(1)
  expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^sadaan-gpu: .+: device lost: \S.*VK_ERROR_DEVICE_LOST/)
}

test('a training whose device is lost ends with 1, says so, names its checkpoint, and its record failed', async ctx => {
  if (noDriver !== undefined) ctx.skip(noDriver)
  const cwd = folder('train')
  const words = ['with', `dataset_path=${dataset}`, ...SMALL, 'training.early_stopping_patience=100000']
  const training = new Command(['train', ...words, 'training.num_epochs=100000', 'compute.autotune=off'], cwd)
  await training.says(/^epoch 2\/100000 {2}train \d/m)
  writeFileSync(lostFile, '')
  const ended = await training.finished
  expectLoss(ended)
  expect(ended.stderr).toMatch(/^the newest checkpoint is .*last\.pth; --resume continues from there$/m)
  const { status, fail_trace } = JSON.parse(readFileSync(join(cwd, 'sacred_runs', '1', 'run.json'), 'utf8'))
  expect(status).toBe('FAILED')
  expect(fail_trace[0]).toMatch(/^DeviceLostError: .+: device lost: \S/)

  rmSync(lostFile)
  const resumed = new Command(['train', '--resume', ...words, 'training.num_epochs=100000'], cwd)
  await resumed.says(/^resumed from .*last\.pth/m)
  resumed.child.kill('SIGTERM')
  expect((await resumed.finished).code).toBe(143)
})

const INFERENCE: Record<string, readonly string[]> = {
  evaluate: ['--weights', weights, '--dataset', dataset, '--split', 'val', '--output', 'results'],
  predict: ['--weights', weights, '--input', join(dataset, 'val.h5'), '--output', 'results'],
}

test.for(Object.keys(INFERENCE))('%s on a device that is lost at once ends with 1 and says so', async (name, ctx) => {
  if (noDriver !== undefined) ctx.skip(noDriver)
  writeFileSync(lostFile, '')
  expectLoss(await new Command([name, ...INFERENCE[name]!], folder(name)).finished)
})

// full: compares with PyTorch
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { type Checkpoint, readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { SMALL, smallDataset, trainHere } from './training_here.ts'

const python = process.env.SADAAN_PYTHON
const script = fileURLToPath(new URL('../oracle/torch_continues.py', import.meta.url))
const RATE = 1e-3

test("torch's AdamW makes our next step from our checkpoint, and we go on from what torch has saved", async ctx => {
  if (!python) ctx.skip('SADAAN_PYTHON names no python with torch')
  const root = temporaryDirectory()
  const dataset = await smallDataset(join(root, 'dataset'), 3, 1)
  // one update an epoch, the gradient clipped
  const words = [
    ...SMALL,
    `dataset_path=${dataset}`,
    'training.gradient_accumulation_steps=3',
    'training.num_epochs=4',
    'training.warmup_epochs=0',
    `training.learning_rate=${RATE}`,
    'optimizer.weight_decay=0.1',
    'checkpoint.save_frequency=1',
  ]
  await trainHere(join(root, 'ours'), words)
  const pathOf = (run: string, file: string): string => join(root, run, 'checkpoints', file)
  mkdirSync(join(root, 'torch', 'checkpoints'), { recursive: true })
  const paths = [pathOf('ours', 'checkpoint_epoch_2.pth'), pathOf('ours', 'checkpoint_epoch_3.pth')]
  const made = pathOf('torch', 'checkpoint_epoch_3.pth')
  const { status, stdout, stderr } = spawnSync(python!, [script, ...paths, made], { encoding: 'utf8' })
  expect(status, stderr).toBe(0)
  const differences = JSON.parse(stdout)
  expect(differences.moved).toBeGreaterThan(RATE / 10)
  expect(differences.parameters).toBeLessThan(16)
  expect(differences.second_moments).toBeLessThan(1e-4)
  expect(differences.rate).toBeCloseTo(0, 12)
  expect(differences.steps).toEqual([3])

  const { lines } = await trainHere(join(root, 'torch'), words, true)
  expect(lines.join('\n')).toMatch(/checkpoint_epoch_3\.pth: not written by sadaan-gpu/)
  expect(lines.join('\n')).toMatch(/^resumed from .*checkpoint_epoch_3\.pth, after epoch 3$/m)
  const [ours, torchs] = ['ours', 'torch'].map(run => readCheckpoint(pathOf(run, 'last.pth')))
  expect(torchs!.epoch).toBe(3)
  expect(torchs!.optimizer!.state.get(0)!.step).toBe(4)
  expect(torchs!.scheduler).toEqual(ours!.scheduler)
  expect(distance(torchs!, ours!)).toBeLessThan(1e-4 * distance(ours!, readCheckpoint(paths[1]!)))
})

/** Euclidean distance of two models' parameters and statistics. */
function distance(a: Checkpoint, b: Checkpoint): number {
  let sum = 0
  for (const [name, { data }] of a.model)
    for (const [i, value] of [...(data as Float32Array)].entries())
      sum += (Number(value) - Number(b.model.get(name)!.data[i])) ** 2
  return Math.sqrt(sum)
}

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { run } from '../cli/command.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { SMALL } from '../train/training_here.ts'
import type { Outcome } from './faulty_program.ts'
import { copied, makeInputs } from './inputs.ts'
import { savedIn } from './saved.ts'
import { READING, type Scenario, WRITING } from './sweep.ts'
import { testSweeps } from './sweeps.ts'

const root = temporaryDirectory()
const { dataset } = await makeInputs(root)

const train = (folder: string, epochs: number, options: readonly string[]): string[] => [
  ...['train', ...options, '-F', join(folder, 'record'), 'with', ...SMALL, `dataset_path=${dataset}`],
  ...[`training.num_epochs=${epochs}`, `checkpoint.save_dir=${join(folder, 'checkpoints')}`],
]
const fresh = (folder: string): string[] => train(folder, 1, ['--tensorboard', join(folder, 'board')])
const resume = (folder: string, epochs: number): string[] => train(folder, epochs, ['--resume'])

/** A training of one epoch, finished, as a later one finds it. */
const finished = join(root, 'finished')
const { code, stderr } = await run(fresh(finished), root)
expect(code, stderr).toBe(0)

/** A run that fails between its two copies of a checkpoint leaves the first, best_model.pth, from which --resume goes on. */
function checkpoints(folder: string): Record<string, string> {
  const saved = savedIn(join(folder, 'checkpoints'))
  return 'best_model.pth' in saved ? { 'last.pth': saved['best_model.pth']!, ...saved } : saved
}

/** The record of a run is whole, or the run said that it is not. */
function recordIsWhole(folder: string, { stderr }: Outcome): string | undefined {
  if (stderr.includes(`cannot write ${folder}`)) return undefined
  const runs = readdirSync(join(folder, 'record')).filter(name => /^\d+$/.test(name))
  const newest = join(folder, 'record', String(Math.max(...runs.map(Number))))
  const { status, artifacts } = JSON.parse(readFileSync(join(newest, 'run.json'), 'utf8'))
  const missing = [...artifacts, 'metrics.json', 'cout.txt', 'config.json'].filter(
    name => !existsSync(join(newest, name)),
  )
  if (status === 'COMPLETED' && missing.length === 0) return undefined
  return `the record has gaps (${status}; missing: ${missing}) and nothing was said: ${stderr}`
}

const resumed: Scenario = {
  name: 'train --resume',
  prepare: folder => {
    copied(join(finished, 'checkpoints'), folder, 'checkpoints')
    return resume(folder, 2)
  },
  again: folder => resume(folder, 2),
  operations: WRITING,
  result: checkpoints,
  afterSuccess: recordIsWhole,
}
const scenarios: readonly (readonly [Scenario, number])[] = [
  [
    {
      name: 'train',
      prepare: fresh,
      again: folder => resume(folder, 1),
      operations: WRITING,
      result: checkpoints,
      afterSuccess: recordIsWhole,
    },
    40,
  ],
  [resumed, 16],
  [{ ...resumed, name: 'train --resume, reading its checkpoints', operations: READING, watched: 'checkpoints' }, 12],
]
testSweeps(root, scenarios)

// full: kills and resumes twenty trainings
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { RandomStream } from '../../src/util/random.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { figuresOf, SMALL, smallDataset, substance } from '../train/training_here.ts'
import { Command, run } from './command.ts'

const KILLS = 20
const MOMENTS: readonly Moment[] = ['training', 'saving', 'training', 'opening']
const SEED = Date.now() % 2 ** 32

const root = temporaryDirectory()
const dataset = await smallDataset(join(root, 'dataset'), 6, 1)
const words = [
  ...['with', ...SMALL, `dataset_path=${dataset}`],
  ...['training.gradient_accumulation_steps=2', 'training.num_epochs=10', 'training.early_stopping_patience=1000'],
  ...['training.learning_rate=0.005', 'model.dropout=0.5', 'checkpoint.save_frequency=3'],
]
/** A checkpoint behind every update. */
const often = [...words, 'checkpoint.save_minutes=1e-9']

/** The checkpoints and figures of the newest record under `folder`; what was killed behind its last save lacks the final figures. */
function outcome(folder: string): object {
  const runs = readdirSync(join(folder, 'sacred_runs')).filter(name => /^\d+$/.test(name))
  const newest = Math.max(...runs.map(Number))
  const figures = Object.entries(figuresOf(join(folder, 'sacred_runs', String(newest))))
  const checkpoints = readdirSync(join(folder, 'checkpoints')).filter(name => name.endsWith('.pth'))
  return {
    checkpoints: checkpoints.sort().map(name => [name, substance(readCheckpoint(join(folder, 'checkpoints', name)))]),
    figures: figures.filter(([name]) => !name.startsWith('final.')).sort(),
  }
}

const filesIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : [])
const isSaving = (folder: string): boolean => filesIn(join(folder, 'checkpoints')).some(name => name.endsWith('.tmp'))

/** When last.pth was written; 0 before. */
function lastSave(folder: string): number {
  return statSync(join(folder, 'checkpoints', 'last.pth'), { throwIfNoEntry: false })?.mtimeMs ?? 0
}

async function until(command: Command, holds: () => boolean): Promise<void> {
  while (!holds() && command.child.exitCode === null) await sleep(1)
}

/** When a process is killed: while it opens, or within half a second of its first save, some of them in the middle of one. */
type Moment = 'opening' | 'training' | 'saving'

/** Resumes, and kills. False where all epochs were done before. */
async function killOnce(
  folder: string,
  moment: Moment,
  random: RandomStream,
  tell: (line: string) => void,
): Promise<boolean> {
  const before = lastSave(folder)
  const delay = Math.floor(random.uniform(0, moment === 'opening' ? 2000 : 500))
  const command = new Command(['train', '--resume', ...often], folder)
  if (moment !== 'opening') await until(command, () => lastSave(folder) !== before)
  await sleep(delay)
  if (moment === 'saving') await until(command, () => isSaving(folder))
  const isKilled = command.child.kill('SIGKILL')
  const saving = isSaving(folder) ? ', a checkpoint half written' : ''
  const { stderr } = await command.finished
  const from = /^resumed from .*$/m.exec(stderr)?.[0] ?? 'not begun, or from the start'
  tell(`${from}; ${isKilled ? 'killed' : 'done'} ${delay} ms into ${moment}${saving}`)
  return isKilled
}

test(`killed at ${KILLS} random moments and resumed each time: bit for bit what the uninterrupted run gives`, async () => {
  const straight = join(root, 'straight')
  mkdirSync(straight)
  expect((await run(['train', ...words], straight)).code).toBe(0)
  const expected = outcome(straight)
  const random = new RandomStream({ seed: SEED, operation: 0, epoch: 0 })
  console.log(`seed ${SEED}`)
  const told: string[] = []
  let kills = 0
  for (let series = 1; kills < KILLS; series++) {
    const folder = join(root, `series ${series}`)
    mkdirSync(folder)
    const kill = () => killOnce(folder, MOMENTS[kills % MOMENTS.length]!, random, line => told.push(line))
    while (kills < KILLS && (await kill())) kills++
    const last = await run(['train', '--resume', ...often], folder)
    expect(last.code, last.stderr).toBe(0)
    expect(outcome(folder), told.join('\n')).toEqual(expected)
  }
  console.log(told.join('\n'))
  expect(told.filter(line => / epoch \d+ batch \d+; killed/.test(line))).not.toEqual([])
  expect(told.filter(line => line.endsWith('half written'))).not.toEqual([])
})

import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { RandomStream } from '../../src/util/random.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { figuresOf, SMALL, smallDataset, substance } from '../train/training_here.ts'
import { Command, run } from './command.ts'

const KILLS = 20
const SEED = Date.now() % 2 ** 32

const root = temporaryDirectory()
const dataset = await smallDataset(join(root, 'dataset'), 6, 1)
const words = [
  ...['with', ...SMALL, `dataset_path=${dataset}`],
  ...['training.gradient_accumulation_steps=2', 'training.num_epochs=40', 'training.early_stopping_patience=1000'],
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

/** Kills the process once it trains, at a random moment of its next second. False where it was done before. */
async function killSoon(folder: string, random: RandomStream, tell: (line: string) => void): Promise<boolean> {
  const delay = Math.floor(1000 * random.uniform())
  const command = new Command(['train', '--resume', ...often], folder)
  await Promise.race([command.says(/^(resumed from|nothing to resume)/m), command.finished])
  await sleep(delay)
  const isSaving =
    existsSync(join(folder, 'checkpoints')) &&
    readdirSync(join(folder, 'checkpoints')).some(name => name.endsWith('.tmp'))
  const isKilled = command.child.kill('SIGKILL')
  const { stderr } = await command.finished
  tell(
    `${/^resumed from .*$/m.exec(stderr)?.[0] ?? 'from the start'}; ${isKilled ? 'killed' : 'done'} after ${delay} ms${isSaving ? ', while saving' : ''}`,
  )
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
  for (let kills = 0, series = 1; kills < KILLS; series++) {
    const folder = join(root, `series ${series}`)
    mkdirSync(folder)
    while (kills < KILLS && (await killSoon(folder, random, line => told.push(line)))) kills++
    const last = await run(['train', '--resume', ...often], folder)
    expect(last.code, last.stderr).toBe(0)
    expect(outcome(folder), told.join('\n')).toEqual(expected)
  }
  console.log(told.join('\n'))
})

import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { RandomStream } from '../../src/util/random.ts'
import { Command, type Finished, run } from '../cli/command.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { SMALL, smallDataset } from '../train/training_here.ts'
import { savedIn } from './saved.ts'

const SEED = 12
const EPOCHS = 20
const LAST_EPOCH = `epoch ${EPOCHS}/${EPOCHS} `
/** Signal → how a training that it reaches ends: with a checkpoint and one of these codes, or at once. */
const SIGNALS: Readonly<Record<string, readonly (number | null)[]>> = {
  SIGINT: [130],
  SIGTERM: [143],
  SIGHUP: [129],
  SIGUSR1: [75],
  SIGKILL: [null],
}
/** Before the program has its handlers, a signal ends the process. */
const OPENING = 1500 // ms
const TRAINING = 600 // ms

const root = temporaryDirectory()
const dataset = await smallDataset(join(root, 'dataset'), 6, 1)
const words = [
  ...['with', ...SMALL, `dataset_path=${dataset}`, 'training.gradient_accumulation_steps=2', 'model.dropout=0.5'],
  ...[`training.num_epochs=${EPOCHS}`, 'training.early_stopping_patience=1000', 'training.learning_rate=0.005'],
]
/** Saved behind every update, so that there is a checkpoint to interrupt. */
const often = ['train', '--resume', ...words, 'checkpoint.save_minutes=1e-9']

const lastSave = (folder: string): number =>
  statSync(join(folder, 'checkpoints', 'last.pth'), { throwIfNoEntry: false })?.mtimeMs ?? 0

/** Resumes, and sends the signal at a random moment of the start or of the training. */
async function interrupt(
  folder: string,
  signal: NodeJS.Signals,
  isTraining: boolean,
  random: RandomStream,
): Promise<Finished & { delay: number }> {
  const before = lastSave(folder)
  const delay = Math.floor(random.uniform(0, isTraining ? TRAINING : OPENING))
  const command = new Command(often, folder)
  while (isTraining && lastSave(folder) === before && command.child.exitCode === null) await sleep(1)
  await sleep(delay)
  command.child.kill(signal)
  return { ...(await command.finished), delay }
}

test('trainings that signals end at random moments resume to the bits of an uninterrupted one', async ({ skip }) => {
  if (process.platform === 'win32') skip('signals are as on Unix')
  const straight = join(root, 'straight')
  mkdirSync(straight)
  const whole = await run(['train', ...words], straight)
  expect(whole.code, whole.stderr).toBe(0)
  const folder = join(root, 'interrupted')
  mkdirSync(folder)
  const random = new RandomStream({ seed: SEED, operation: 0 })
  const wrong: string[] = []
  const told: string[] = []
  for (const [round, isTraining] of [true, false].entries())
    for (const [signal, codes] of Object.entries(SIGNALS)) {
      const { code, stderr, delay } = await interrupt(folder, signal as NodeJS.Signals, isTraining, random)
      const what = `${signal} ${delay} ms into ${isTraining ? 'training' : 'the start'} ends with ${code}`
      told.push(what)
      const expected = isTraining ? codes : [...codes, null]
      const isOver = code === 0 && stderr.includes(LAST_EPOCH) // before the signal came
      if (!expected.includes(code) && !isOver)
        wrong.push(`${round} ${what}: ${stderr.trim().split('\n').slice(-3).join(' | ')}`)
      if (/^ +at .+:\d+:\d+\)?$/m.test(stderr)) wrong.push(`${what} and prints a stack: ${stderr}`)
    }
  console.log([...told, ...wrong].join('\n'))
  const last = await run(often, folder)
  expect(last.code, last.stderr).toBe(0)
  expect(savedIn(join(folder, 'checkpoints'))).toEqual(savedIn(join(straight, 'checkpoints')))
  expect(wrong.join('\n')).toBe('')
})

// full: compiles a training to watch its queue
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { STEPS_IN_FLIGHT } from '../../src/run/in_flight.ts'
import { TrainingEngine } from '../../src/train/engine.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { SMALL, smallDataset, trainHere } from './training_here.ts'

const root = temporaryDirectory()
const BATCHES = 5
const dataset = await smallDataset(join(root, 'dataset'), BATCHES, BATCHES)
const words = [...SMALL, `dataset_path=${dataset}`, 'training.num_epochs=1', 'training.gradient_accumulation_steps=1']

afterEach(() => vi.restoreAllMocks())

/** What the loop does with one of the engine's methods, seen from the adapter. */
interface Watched {
  submitted: number
  /** submits whose results the loop had not yet been given, at most */
  inFlight: number
  /** what was uploaded with each submit, bytes */
  uploads: number[]
}

/**
 * The engine as it is, but the results of a step are handed out only when the next step of the epoch has been uploaded and submitted:
 * a loop that waits for what it has just submitted would never end.
 */
function withhold(method: 'accumulate' | 'update' | 'evaluate'): Watched {
  const original = TrainingEngine.prototype[method] as (this: TrainingEngine, ...given: unknown[]) => Promise<unknown>
  const watched: Watched = { submitted: 0, inFlight: 0, uploads: [] }
  const waiting = new Map<number, () => void>()
  let pending = 0
  const late = async function (this: TrainingEngine, ...given: unknown[]): Promise<unknown> {
    const number = ++watched.submitted
    watched.inFlight = Math.max(watched.inFlight, ++pending)
    const write = vi.spyOn(this.uploads, 'write')
    const next = new Promise<void>(resolve => waiting.set(number + 1, resolve))
    const result = original.apply(this, given)
    watched.uploads.push(write.mock.calls.reduce((sum, call) => sum + call[1].byteLength, 0))
    write.mockRestore()
    waiting.get(number)?.()
    const value = await result
    if (number < BATCHES) await next
    pending--
    return value
  }
  vi.spyOn(TrainingEngine.prototype, method).mockImplementation(late as never)
  return watched
}

test('a step is uploaded and submitted while the one before runs: no result is waited for that is not older', async () => {
  const [accumulated, updated, evaluated] = [withhold('accumulate'), withhold('update'), withhold('evaluate')]
  const { status } = await trainHere(join(root, 'run'), words)
  expect(status).toBe('COMPLETED')
  for (const { submitted, inFlight } of [accumulated, updated, evaluated]) {
    expect(submitted).toBe(BATCHES)
    expect(inFlight).toBeGreaterThanOrEqual(2)
    expect(inFlight).toBeLessThanOrEqual(STEPS_IN_FLIGHT + 1) // the newest, and those that it may leave behind it
  }
  const image = 32 * 16 * 16 * 4
  for (const bytes of [...accumulated.uploads, ...evaluated.uploads]) expect(bytes).toBeGreaterThan(image)
})

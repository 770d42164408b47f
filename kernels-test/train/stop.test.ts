import { copyFileSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { type Checkpoint, readCheckpoint, writeCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { DeviceLostError } from '../../src/gpu/device.ts'
import { TrainingEngine } from '../../src/train/engine.ts'
import type { Progress } from '../../src/train/progress.ts'
import { InputError } from '../../src/util/error.ts'
import { temporaryOf } from '../../src/util/whole_file.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { expectSame, figuresOf, SMALL, smallDataset, type Trained, trainHere } from './training_here.ts'

/** Five batches an epoch in windows of two: three updates, the last of a window that is not full. */
const UPDATES = 3
const VALIDATION_BATCHES = 2

const root = temporaryDirectory()
const dataset = await smallDataset(join(root, 'dataset'), 5, VALIDATION_BATCHES)
const words = [
  ...SMALL,
  `dataset_path=${dataset}`,
  'training.gradient_accumulation_steps=2',
  'training.num_epochs=3',
  'training.warmup_epochs=1',
  'model.dropout=0.5',
  'optimizer.lr_scheduler=reduce_on_plateau',
  'optimizer.lr_patience=0',
  ...['flip', 'elastic', 'blur', 'low_resolution', 'bias_field', 'gamma'].map(
    name => `augmentation.${name}_probability=0.5`,
  ),
  'checkpoint.save_frequency=1',
]
const folder = (run: string): string => join(root, run)
const pathOf = (run: string, file: string): string => join(root, run, 'checkpoints', file)
const read = (run: string, file: string): Checkpoint => readCheckpoint(pathOf(run, file))
const progressOf = ({ sadaan }: Checkpoint) => sadaan as unknown as Progress

afterEach(() => vi.restoreAllMocks())

/** Aborts while the engine's Nth call of a method is under way. */
function abortAt(method: 'accumulate' | 'update' | 'evaluate', call: number, reason?: string): AbortSignal {
  const controller = new AbortController()
  const original = TrainingEngine.prototype[method] as (this: TrainingEngine, ...given: unknown[]) => unknown
  let calls = 0
  vi.spyOn(TrainingEngine.prototype, method).mockImplementation(function (this: TrainingEngine, ...given: unknown[]) {
    if (++calls === call) controller.abort(reason)
    return original.apply(this, given)
  } as never)
  return controller.signal
}

async function trainUntil(run: string, signal: AbortSignal, resume = true): Promise<Trained> {
  const trained = await trainHere(folder(run), words, resume, { stop: signal })
  vi.restoreAllMocks()
  return trained
}

const straight = await trainHere(folder('straight'), words)

test('stopped within a window, behind an epoch, in its validation and before its first update: the same bits, the same metrics', async () => {
  const within = await trainUntil('stopped', abortAt('accumulate', 3), false)
  expect(within).toMatchObject({ status: 'INTERRUPTED', reason: 'stopped epoch 1 batch 4', epochs: 0 })
  expect(readdirSync(join(folder('stopped'), 'checkpoints'))).toEqual(['last.pth'])
  expect(read('stopped', 'last.pth').epoch).toBe(0)
  expect(progressOf(read('stopped', 'last.pth'))).toMatchObject({ batches: 4, position: { epoch: 0, batch: 4 } })

  const behind = await trainUntil('stopped', abortAt('update', 1))
  expect(behind.lines.join('\n')).toMatch(/^resumed from .*last\.pth, epoch 1 batch 4$/m)
  expect(behind).toMatchObject({ status: 'INTERRUPTED', reason: 'stopped epoch 1 batch 5', epochs: 0 })
  const info = JSON.parse(readFileSync(join(behind.run!, 'info.json'), 'utf8'))
  expect(info.resumed_from).toEqual({ run: 1, checkpoint: pathOf('stopped', 'last.pth'), epoch: 0, step: 4 })

  const due = read('stopped', 'last.pth')
  const validating = await trainUntil('stopped', abortAt('evaluate', VALIDATION_BATCHES + 1, 'TIMEOUT'))
  expect(validating).toMatchObject({ status: 'TIMEOUT', reason: 'stopped epoch 2 batch 5', epochs: 1 })
  expect(JSON.parse(readFileSync(join(validating.run!, 'run.json'), 'utf8')).status).toBe('TIMEOUT')
  expect(read('stopped', 'last.pth').model).not.toEqual(due.model)

  const before = readFileSync(pathOf('stopped', 'last.pth'))
  const atOnce = new AbortController()
  atOnce.abort()
  await trainUntil('stopped', atOnce.signal)
  expect(readFileSync(pathOf('stopped', 'last.pth')).equals(before)).toBe(true)

  const resumed = await trainHere(folder('stopped'), words, true)
  expect(resumed).toMatchObject({ status: 'COMPLETED', best: straight.best, epochs: 3 })
  for (const file of ['last.pth', 'best_model.pth']) expectSame(read('stopped', file), read('straight', file))
  expect(figuresOf(resumed.run!)).toEqual(figuresOf(straight.run!))
  expect(progressOf(read('straight', 'last.pth')).batches).toBe(15)
  expect(read('straight', 'last.pth').optimizer!.state.get(0)!.step).toBe(3 * UPDATES)
})

test('a damaged newest checkpoint: the one before it is used and that is said; --resume PATH of it is refused', async () => {
  const names = ['checkpoint_epoch_2.pth', 'best_model.pth', 'checkpoint_epoch_3.pth', 'last.pth']
  mkdirSync(join(folder('damaged'), 'checkpoints'), { recursive: true })
  for (const [i, name] of names.entries()) {
    const bytes = readFileSync(pathOf('straight', name))
    if (name === 'last.pth') bytes[bytes.length >> 1]! ^= 1
    writeFileSync(pathOf('damaged', name), bytes)
    utimesSync(pathOf('damaged', name), 1e9 + i, 1e9 + i)
  }
  await expect(trainHere(folder('damaged'), words, pathOf('damaged', 'last.pth'))).rejects.toThrow(
    /last\.pth: .*damaged/,
  )
  const { lines } = await trainHere(folder('damaged'), words, true)
  expect(lines[0]).toMatch(/last\.pth: .*damaged.*; trying an earlier checkpoint$/)
  expect(lines[1]).toMatch(/checkpoint_epoch_3\.pth: 3 of 3 epochs are done, nothing to do$/)
})

test('a checkpoint with damaged progress: one line with file, key and what was expected', async () => {
  const { sadaan, ...rest } = read('straight', 'last.pth')
  mkdirSync(join(folder('progress'), 'checkpoints'), { recursive: true })
  writeCheckpoint(pathOf('progress', 'last.pth'), { ...rest, sadaan: { ...sadaan, batches: 'many' } })
  const resuming = trainHere(folder('progress'), words, pathOf('progress', 'last.pth'))
  await expect(resuming).rejects.toThrow(
    new InputError(
      `${pathOf('progress', 'last.pth')}: sadaan_gpu.batches cannot be read: expected number, received string`,
    ),
  )
})

test('what does not fit is refused with both values; other data too; another validation split is warned of', async () => {
  const resume = (...more: string[]) =>
    trainHere(folder('straight'), [...words, 'training.num_epochs=9', ...more], true)
  await expect(resume('seed=1', 'training.batch_size=2')).rejects.toThrow(
    'cannot be resumed with a different configuration: seed is 1, was 42; training.batch_size is 2, was 1',
  )
  await expect(resume('checkpoint.monitor=hard_dice')).rejects.toThrow(
    'checkpoint.monitor is "hard_dice", was "total_loss"',
  )
  const more = await smallDataset(join(root, 'more'), 6, VALIDATION_BATCHES)
  const failure = await resume(`dataset_path=${more}`).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(InputError)
  expect((failure as Error).message).toMatch(
    /was not trained on .*more: train is "6 samples, labels \w+", was "5 samples, labels \w+"$/,
  )
  const other = await smallDataset(join(root, 'other'), 5, 1)
  const stop = new AbortController()
  stop.abort()
  const { lines } = await trainHere(
    folder('straight'),
    [...words, 'training.num_epochs=4', `dataset_path=${other}`],
    true,
    { stop: stop.signal },
  )
  expect(lines.join('\n')).toMatch(
    /^warning: .*selected on a different validation split: val is "1 samples, .*was "2 samples/m,
  )
})

test('a device that goes away in the middle: an error, no hang, and where it goes on', async () => {
  const update = TrainingEngine.prototype.update
  let updates = 0
  vi.spyOn(TrainingEngine.prototype, 'update').mockImplementation(function (this: TrainingEngine, rate) {
    if (++updates === UPDATES + 2) this.device.gpu.destroy()
    return update.call(this, rate)
  })
  const lines: string[] = []
  await expect(trainHere(folder('lost'), words, false, {}, lines)).rejects.toThrow(DeviceLostError)
  const { status, fail_trace } = JSON.parse(readFileSync(join(folder('lost'), 'runs', '1', 'run.json'), 'utf8'))
  expect(status).toBe('FAILED')
  expect(fail_trace[0]).toMatch(/^DeviceLostError: .*: device lost: device was destroyed\n$/)
  expect(lines.join('\n')).toMatch(/^the newest checkpoint is .*last\.pth; --resume continues from there$/m)
  expect(lines.at(-1)).toMatch(/ran out of memory: use a smaller training\.batch_size, and start from/)
  vi.restoreAllMocks()
  expect(progressOf(read('lost', 'last.pth')).position).toEqual({ epoch: 1, batch: 0 })
  const resumed = await trainHere(folder('lost'), words, true)
  expectSame(read('lost', 'last.pth'), read('straight', 'last.pth'))
  expect(figuresOf(resumed.run!)).toEqual(figuresOf(straight.run!))
})

test('a checkpoint that cannot be written ends the run, with path and reason; the one before it stays', async () => {
  const checkpoints = join(folder('full'), 'checkpoints')
  mkdirSync(checkpoints, { recursive: true })
  copyFileSync(pathOf('straight', 'checkpoint_epoch_1.pth'), join(checkpoints, 'last.pth'))
  const before = readFileSync(join(checkpoints, 'last.pth'))
  // what opens the temporary file fails
  const update = TrainingEngine.prototype.update
  vi.spyOn(TrainingEngine.prototype, 'update').mockImplementation(function (this: TrainingEngine, rate) {
    mkdirSync(temporaryOf(join(checkpoints, 'last.pth')), { recursive: true })
    return update.call(this, rate)
  })
  await expect(trainHere(folder('full'), words, true)).rejects.toThrow(/last\.pth: cannot be written \(EISDIR/)
  expect(readFileSync(join(checkpoints, 'last.pth')).equals(before)).toBe(true)
  expect(readdirSync(checkpoints)).not.toContain('.lock')
})

test("goes on from what has no key of ours, as the original's checkpoints: epoch, weights, moments, histories", async () => {
  const { sadaan: _sadaan, ...half } = read('straight', 'checkpoint_epoch_1.pth')
  mkdirSync(join(folder('original'), 'checkpoints'), { recursive: true })
  writeCheckpoint(pathOf('original', 'checkpoint_epoch_1.pth'), half)
  const { lines } = await trainHere(folder('original'), words, true)
  expect(lines.join('\n')).toMatch(
    /^.*checkpoint_epoch_1\.pth: not written by sadaan-gpu: .*best model epoch 1, .*seed 42$/m,
  )
  const [ours, other] = [read('straight', 'last.pth'), read('original', 'last.pth')]
  expect(other.model).toEqual(ours.model)
  expect(other.optimizer).toEqual(ours.optimizer)
  expect(other.valLossHistory).toEqual(ours.valLossHistory)
  expect(progressOf(other).best).toEqual(progressOf(ours).best)
})

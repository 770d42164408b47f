import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { type Checkpoint, readCheckpoint, writeCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { loadConfig } from '../../src/config/load.ts'
import { inspect } from '../../src/inspect/inspect.ts'
import { inspectionText } from '../../src/inspect/text.ts'
import { initialValues } from '../../src/nn/initialise.ts'
import { specify } from '../../src/nn/specification.ts'
import { readMetrics } from '../../src/track/metrics.ts'
import { TrainingEngine } from '../../src/train/engine.ts'
import { initialise, openSession } from '../../src/train/session.ts'
import { Tally } from '../../src/train/tally.ts'
import { InputError } from '../../src/util/error.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { relativeError } from '../numbers.ts'
import { expectSame, figuresOf, SMALL, STRUCTURES, smallDataset, trainHere } from './training_here.ts'

/** Five batches an epoch in windows of two: three updates, the last of a window that is not full. */
const UPDATES = 3
const EPOCHS = 3
const DECAY = 0.3

const root = temporaryDirectory()
const dataset = await smallDataset(join(root, 'dataset'), 5, 2)
const words = [
  ...SMALL,
  `dataset_path=${dataset}`,
  'training.gradient_accumulation_steps=2',
  `training.num_epochs=${EPOCHS}`,
  'training.warmup_epochs=0.5',
  'optimizer.lr_scheduler=cosine_over_run',
  'optimizer.lr_min=0.0001',
  'model.dropout=0.5',
]
const averaging = [...words, `optimizer.ema_decay=${DECAY}`]
const pathOf = (run: string, file: string): string => join(root, run, 'checkpoints', file)
const read = (run: string, file: string): Checkpoint => readCheckpoint(pathOf(run, file))

afterEach(() => vi.restoreAllMocks())

/** The learning rates of all updates of a training. */
function watchRates(): number[] {
  const rates: number[] = []
  const { update } = TrainingEngine.prototype
  vi.spyOn(TrainingEngine.prototype, 'update').mockImplementation(function (this: TrainingEngine, rate) {
    rates.push(rate)
    return update.call(this, rate)
  })
  return rates
}

const watched = watchRates()
const straight = await trainHere(join(root, 'straight'), averaging)
const rates = [...watched]
vi.restoreAllMocks()

test('the rate rises over half an epoch and then falls at every update, to lr_min at the last', () => {
  // half of three updates is two; seven follow
  const cosine = [0, 1, 2, 3, 4, 5, 6].map(i => 1e-4 + ((5e-4 - 1e-4) * (1 + Math.cos((Math.PI * i) / 6))) / 2)
  expect(rates).toHaveLength(EPOCHS * UPDATES)
  expect(relativeError(rates, [2.5e-4, 5e-4, ...cosine])).toBeLessThan(1e-12)
  expect(rates.at(-1)).toBe(1e-4)
  const perEpoch = readMetrics(straight.run!).get('train.learning_rate')!.values
  expect(perEpoch).toEqual([0, 1, 2].map(epoch => rates[epoch * UPDATES]))
  const { scheduler, optimizer } = read('straight', 'last.pth')
  expect(scheduler).toMatchObject({ T_max: 6, last_epoch: 6, eta_min: 1e-4 })
  expect(optimizer!.group).toMatchObject({ lr: 1e-4, initial_lr: 5e-4 })
})

test('stopped within an epoch and resumed: the same bits, rates and metrics', async () => {
  const controller = new AbortController()
  const { accumulate } = TrainingEngine.prototype
  let calls = 0
  vi.spyOn(TrainingEngine.prototype, 'accumulate').mockImplementation(function (this: TrainingEngine, ...given) {
    if (++calls === 8) controller.abort()
    return accumulate.apply(this, given)
  })
  const before = watchRates()
  const stopped = await trainHere(join(root, 'stopped'), averaging, false, { stop: controller.signal })
  expect(stopped).toMatchObject({ status: 'INTERRUPTED', reason: 'stopped epoch 2 batch 4' })
  // five updates are done, two of them in warm-up
  expect(read('stopped', 'last.pth').scheduler).toMatchObject({ T_max: 6, last_epoch: 3 })
  vi.restoreAllMocks()
  const after = watchRates()
  const resumed = await trainHere(join(root, 'stopped'), averaging, true)
  expect([...before, ...after]).toEqual(rates)
  for (const file of ['last.pth', 'best_model.pth']) expectSame(read('stopped', file), read('straight', file))
  expect(read('straight', 'last.pth').live).toBeDefined()
  expect(figuresOf(resumed.run!)).toEqual(figuresOf(straight.run!))
})

test('an average changes no bit of what is trained; the model is another, and that one is validated', async () => {
  await trainHere(join(root, 'plain'), words)
  const [plain, averaged] = [read('plain', 'last.pth'), read('straight', 'last.pth')]
  expect(plain.live).toBeUndefined()
  expect(averaged.live).toEqual(plain.model)
  expect(averaged.optimizer).toEqual(plain.optimizer)
  expect(averaged.trainLossHistory).toEqual(plain.trainLossHistory)
  expect(averaged.model).not.toEqual(plain.model)
  expect(await validationLossOf(pathOf('straight', 'last.pth'))).toBe(averaged.valLossHistory.at(-1))
  expect(await validationLossOf(pathOf('plain', 'last.pth'))).toBe(plain.valLossHistory.at(-1))
  expect(averaged.valLossHistory).not.toEqual(plain.valLossHistory)
  const texts = ['plain', 'straight'].map(async run => inspectionText(await inspect(pathOf(run, 'last.pth'))))
  const found = (await Promise.all(texts)).map(text => /^weights +a moving average/m.test(text))
  expect(found).toEqual([false, true])
  expect(straight.lines.join('\n')).toMatch(/^average {3}of the weights, decay 0\.3: /m)
})

/** The loss, on the validation split, of the model that a file holds for those who do not train. */
async function validationLossOf(path: string): Promise<number> {
  const { config } = loadConfig({ overrides: [...words, `model.pretrained=${path}`] })
  const session = await openSession(config, { say: () => undefined })
  try {
    initialise(session, { say: () => undefined })
    await session.engine.prepare()
    const prepared = await session.engine.prepareEvaluation()
    const tally = new Tally(STRUCTURES.length, 0.5)
    for await (const host of session.validationLoader.epoch(0)) tally.add(await session.engine.evaluate(prepared, host))
    return tally.loss.total
  } finally {
    await session.close()
  }
}

test('weights and statistics are averaged from the first on', async () => {
  // one update an epoch, of which every one leaves a checkpoint
  const single = ['training.gradient_accumulation_steps=8', 'checkpoint.save_frequency=1']
  await trainHere(join(root, 'single'), [...averaging, ...single, 'training.learning_rate=0.02'])
  const shape = { structures: 3, size: [32, 16, 16], inChannels: 1, channels: [2, 4, 4, 6, 8] } as const
  const tensors = specify(shape).flatMap((entry, i) =>
    entry.role === 'num_batches_tracked'
      ? []
      : [{ ...entry, average: Float64Array.from(initialValues(entry, i, { seed: 42 })) }],
  )
  for (let t = 1; t <= EPOCHS; t++) {
    const { model, live } = read('single', `checkpoint_epoch_${t}.pth`)
    const decay = Math.min(DECAY, (1 + t) / (10 + t))
    for (const { name, average } of tensors) {
      const newest = live!.get(name)!.data as Float32Array
      for (const [i, value] of newest.entries()) average[i] = decay * average[i]! + (1 - decay) * value
      expect(relativeError(model.get(name)!.data as Float32Array, average), name).toBeLessThan(1e-6)
    }
    const tracked = 'segmentation_head.feature_refine.1.num_batches_tracked'
    expect(model.get(tracked)).toEqual(live!.get(tracked))
  }
  expect(read('single', 'last.pth').optimizer!.state.get(0)!.step).toBe(EPOCHS)
})

test('another number of epochs would be another schedule: refused in one line, where the rate does not depend on it taken', async () => {
  const path = pathOf('straight', 'last.pth')
  await expect(trainHere(join(root, 'straight'), [...averaging, 'training.num_epochs=4'], true)).rejects.toThrow(
    new InputError(
      `${path}: cannot be resumed with a different configuration: training.num_epochs is 4, was 3, over which optimizer.lr_scheduler=cosine_over_run lowers the rate; model.pretrained starts a new run from these weights`,
    ),
  )
})

test('a checkpoint that has lost the weights behind its average is not resumed', async () => {
  const { live: _live, ...rest } = read('straight', 'last.pth')
  const path = join(root, 'lost.pth')
  writeCheckpoint(path, rest)
  await expect(trainHere(join(root, 'lost'), averaging, path)).rejects.toThrow(
    new InputError(`${path}: sadaan_gpu has no live_state_dict, expected one beside averaged weights`),
  )
})

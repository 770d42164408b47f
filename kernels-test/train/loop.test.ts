import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readCheckpoint, writeCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { initialValues } from '../../src/nn/initialise.ts'
import { isParameter, specify } from '../../src/nn/specification.ts'
import { INITIAL_LOSS_SCALE } from '../../src/optim/loss_scale.ts'
import { readMetrics, type Series } from '../../src/track/metrics.ts'
import { DivergedError } from '../../src/train/diverged.ts'
import { writeSafetensors } from '../checkpoint/safetensors_file.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { testDevice } from '../harness.ts'
import { SMALL, smallDataset, type Trained, trainHere } from './training_here.ts'

const root = temporaryDirectory()
const dataset = await smallDataset(join(root, 'dataset'), 3, 3)
const words = [...SMALL, `dataset_path=${dataset}`, 'training.warmup_epochs=0', 'augmentation.enabled=False']

function metricsOf({ run }: Trained): Map<string, Series> {
  return readMetrics(run!)
}

const files = (name: string): string[] => readdirSync(join(root, name, 'checkpoints')).sort()
const checkpoint = (name: string, file: string) => readCheckpoint(join(root, name, 'checkpoints', file))

test('best, periodic and last checkpoints; keep_best_only leaves the periodic ones out', async () => {
  const many = [...words, 'training.num_epochs=5', 'checkpoint.save_frequency=2', 'training.learning_rate=0.005']
  const trained = await trainHere(join(root, 'kept'), many)
  expect(files('kept')).toEqual(['best_model.pth', 'checkpoint_epoch_2.pth', 'checkpoint_epoch_4.pth', 'last.pth'])
  expect(checkpoint('kept', 'checkpoint_epoch_4.pth').epoch).toBe(3)
  expect(checkpoint('kept', 'last.pth').epoch).toBe(4)
  const losses = metricsOf(trained).get('val.epoch.total_loss')!.values as number[]
  const best = losses.indexOf(Math.min(...losses))
  expect(trained.best).toMatchObject({ epoch: best, value: losses[best] })
  expect(checkpoint('kept', 'best_model.pth')).toMatchObject({ epoch: best, isBest: true })
  expect(checkpoint('kept', 'last.pth').valLossHistory).toEqual(losses)

  await trainHere(join(root, 'few'), [...many, 'checkpoint.keep_best_only=True', 'training.max_history_length=2'])
  expect(files('few')).toEqual(['best_model.pth', 'last.pth'])
  expect(checkpoint('few', 'last.pth').valLossHistory).toEqual(losses.slice(-2))
})

test('training ends where patience is over, and such a run is finished', async () => {
  // hardly any rate: only the running statistics still move, and soon they do not
  const still = [
    ...words,
    'training.num_epochs=50',
    'training.early_stopping_patience=2',
    'training.learning_rate=1e-30',
  ]
  const trained = await trainHere(join(root, 'early'), [...still, 'optimizer.lr_min=0'])
  const losses = metricsOf(trained).get('val.epoch.total_loss')!.values as number[]
  expect(trained).toMatchObject({
    status: 'COMPLETED',
    epochs: losses.length,
    reason: expect.stringContaining('early'),
  })
  expect(losses.length).toBeLessThan(50)
  expect(trained.best.epoch).toBe(losses.length - 3)
  expect(Math.min(...losses)).toBe(trained.best.value)
  const again = await trainHere(join(root, 'early'), [...still, 'optimizer.lr_min=0'], true)
  expect(again).toMatchObject({ status: 'COMPLETED', epochs: losses.length, run: undefined })
})

test('a window that the epoch ends counts its batches as a full window of so many', async () => {
  // without a clip that would hide a factor on the gradient
  const still = [...words, 'training.num_epochs=1', 'training.gradient_clip_norm=1e9']
  for (const window of [3, 4])
    await trainHere(join(root, `window${window}`), [...still, `training.gradient_accumulation_steps=${window}`])
  const [full, short] = [3, 4].map(window => checkpoint(`window${window}`, 'last.pth'))
  expect(short!.optimizer!.state.get(0)!.step).toBe(1)
  expect(short!.optimizer).toEqual(full!.optimizer)
  expect(short!.model).toEqual(full!.model)
})

test('model.pretrained takes safetensors: what is trained goes on from there', async () => {
  const { model } = checkpoint('kept', 'last.pth')
  const path = join(root, 'model.safetensors')
  writeSafetensors(path, { tensors: model, metadata: {} })
  const frozen = ['training.num_epochs=1', 'training.learning_rate=1e-30', 'optimizer.lr_min=0']
  await trainHere(join(root, 'pretrained'), [...words, ...frozen, 'model.dropout=0', `model.pretrained=${path}`])
  const { model: after } = checkpoint('pretrained', 'last.pth')
  const parameters = [...model].filter(([name]) => !/running_|num_batches_tracked/.test(name))
  for (const [name, { data }] of parameters) expect([...after.get(name)!.data], name).toEqual([...data])
})

const precisions = (await testDevice()).device.facts.features.has('shader-f16') ? ['f32', 'f16'] : ['f32']

test.each(precisions)(
  'gradients that stay non-finite change nothing, are counted, and end the run with the samples named: %s',
  async precision => {
    const still = [
      ...words,
      'loss_weights.segmentation=1e39', // infinity in float32
      'training.num_epochs=100',
      'training.gradient_accumulation_steps=2',
      'training.early_stopping_patience=1000',
      `compute.precision='${precision}'`,
    ]
    // a loss scale is first halved down to 1, and those updates do not count
    const halvings = precision === 'f16' ? INITIAL_LOSS_SCALE.exponent : 0
    const name = `diverged ${precision}`
    const lines: string[] = []
    const failure = await trainHere(join(root, name), still, false, {}, lines).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(DivergedError)
    expect((failure as Error).message).toMatch(
      /^11 updates in a row had a non-finite gradient, the last with samples [012](, [012])?: /,
    )
    const run = JSON.parse(readFileSync(join(root, name, 'runs/1/run.json'), 'utf8'))
    expect(run.status).toBe('FAILED')
    // the window of two batches is named, and no checkpoint is offered
    const said = lines.join('\n')
    expect(said).toMatch(/epoch \d+: the gradient is not finite, update skipped \(samples [012], [012]\)/)
    expect(said).toContain('the training diverged before a finite validation, so no checkpoint is worth resuming')
    expect(said).not.toContain('--resume continues')
    expect(existsSync(join(root, name, 'checkpoints/best_model.pth'))).toBe(false)
    // two updates an epoch
    const epochs = Math.floor((10 + halvings) / 2)
    const last = checkpoint(name, 'last.pth')
    expect(last.epoch).toBe(epochs - 1)
    expect(last.sadaan!.skipped).toBe(2 * epochs)
    expect(last.optimizer!.state.size).toBe(0)
    const shape = { structures: 3, size: [32, 16, 16], inChannels: 1, channels: [2, 4, 4, 6, 8] } as const
    for (const [index, entry] of specify(shape).entries())
      if (isParameter(entry))
        expect([...last.model.get(entry.name)!.data], entry.name).toEqual([
          ...initialValues(entry, index, { seed: 42 }),
        ])
  },
)

test('weights that are no numbers any more end a run and are never saved', async () => {
  const steep = [...words, 'training.num_epochs=3', 'training.learning_rate=1e39']
  const lines: string[] = []
  const failure = await trainHere(join(root, 'steep'), steep, false, {}, lines).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(DivergedError)
  expect((failure as Error).message).toMatch(
    /^encoder\.enc1\.0\.weight has \d+ of 54 values not finite, so this state is not saved: lower training\.learning_rate/,
  )
  expect(files('steep').filter(name => name.endsWith('.pth'))).toEqual([])
  expect(lines.join('\n')).not.toContain('--resume continues')
})

test('a run that diverges offers its best model; unusable weights are not resumed but an earlier checkpoint is', async () => {
  const two = [...words, 'training.num_epochs=2']
  await trainHere(join(root, 'later'), two)
  const last = checkpoint('later', 'last.pth')
  const path = join(root, 'later', 'checkpoints', 'last.pth')
  const config = structuredClone(last.sadaan!.config) as { loss_weights: { segmentation: number } }
  config.loss_weights.segmentation = 1e39
  writeCheckpoint(path, { ...last, sadaan: { ...last.sadaan!, config } })
  const more = [...words, 'training.num_epochs=9', 'loss_weights.segmentation=1e39']
  const lines: string[] = []
  const failure = await trainHere(join(root, 'later'), more, true, {}, lines).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(DivergedError)
  const best = join(root, 'later', 'checkpoints', 'best_model.pth')
  expect(lines.join('\n')).toContain(
    `start from its best model with a lower rate: model.pretrained=${best} training.learning_rate=0.00005`,
  )

  const broken = new Map(last.model)
  broken.set('encoder.enc1.0.bias', { dtype: 'f32', shape: [2], data: Float32Array.of(Number.NaN, 1) })
  writeCheckpoint(path, { ...last, model: broken })
  const said: string[] = []
  const resumed = await trainHere(join(root, 'later'), two, true, {}, said)
  expect(said.join('\n')).toContain(
    `${path}: encoder.enc1.0.bias has 1 of 2 values not finite: the training diverged or the file is damaged`,
  )
  expect(said.join('\n')).toContain('trying an earlier checkpoint')
  expect(resumed.status).toBe('COMPLETED')
})

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { TorchTensor } from '../../src/checkpoint/pickle/torch_tensor.ts'
import { writePth } from '../../src/checkpoint/pth_file.ts'
import { stateDict } from '../../src/checkpoint/state_dict.ts'
import { Hdf5Writer } from '../../src/data/hdf5/writer.ts'
import { specify } from '../../src/nn/specification.ts'
import { TERMS } from '../../src/run/batch_result.ts'
import { readMetrics } from '../../src/track/metrics.ts'
import { run } from '../cli/command.ts'
import { temporaryDirectory, writeMetadata } from '../data/small_dataset.ts'
import { type Golden, goldenPaths, openGolden } from '../golden/golden_file.ts'

const root = temporaryDirectory()

/** The golden's batches, one after the other, as a split. */
async function writeBatches(path: string, { shape, batch, steps, numbers }: Golden): Promise<void> {
  const { structures, size, inChannels } = shape
  const rows = {
    images: { kind: 'float32', rowShape: [inChannels, ...size] },
    masks: { kind: 'bool', rowShape: [structures, ...size] },
    presence_labels: { kind: 'int64', rowShape: [structures] },
  } as const
  const writer = await Hdf5Writer.create(
    path,
    Object.entries(rows).map(([name, column]) => ({ name, ...column })),
  )
  for (let step = 0; step < steps; step++) {
    const values = { x: numbers(`step${step}/x`), masks: numbers(`step${step}/masks`) }
    const presence = numbers(`step${step}/presence`)
    const row = (all: Float64Array, n: number) => all.subarray((n * all.length) / batch, ((n + 1) * all.length) / batch)
    for (let n = 0; n < batch; n++) {
      writer.append('images', Float32Array.from(row(values.x, n)))
      writer.append('masks', Uint8Array.from(row(values.masks, n)))
      writer.append('presence_labels', BigInt64Array.from([...row(presence, n)].map(BigInt)))
    }
  }
  await writer.finish()
}

/** `initial/*` as torch.save(model.state_dict()) would leave it. */
function writeInitialWeights(path: string, golden: Golden): void {
  const entries = specify(golden.shape).filter(({ role }) => role !== 'num_batches_tracked')
  const tensors = entries.map(({ name, shape }): [string, TorchTensor] => [
    name,
    { dtype: 'f32', shape, data: Float32Array.from(golden.numbers(`initial/${name}`)) },
  ])
  writePth(path, stateDict(new Map(tensors)))
}

function configuration(golden: Golden, dataset: string): object {
  const { training, optimizer } = golden.config
  return {
    dataset_path: dataset,
    model: {
      channels: golden.shape.channels,
      in_channels: golden.shape.inChannels,
      dropout: 0,
      pretrained: 'initial.pth',
    },
    training: {
      batch_size: golden.batch,
      learning_rate: training.learning_rate,
      gradient_clip_norm: training.gradient_clip_norm,
      num_epochs: 1,
      warmup_epochs: 0,
      gradient_accumulation_steps: 1,
      shuffle: false,
    },
    augmentation: { enabled: false },
    optimizer: { lr_scheduler: 'none', weight_decay: optimizer.weight_decay },
  }
}

test('train --config gives the loss terms of every step of the golden', async () => {
  const golden = await openGolden(goldenPaths[0]!)
  const dataset = join(root, 'dataset')
  mkdirSync(dataset)
  await writeBatches(join(dataset, 'train.h5'), golden)
  await writeBatches(join(dataset, 'val.h5'), golden)
  const names = Array.from({ length: golden.shape.structures }, (_, s) => `structure_${s}`)
  writeMetadata(dataset, { structure_names: names, image_size: golden.shape.size })
  writeInitialWeights(join(root, 'initial.pth'), golden)
  writeFileSync(join(root, 'cfg.json'), JSON.stringify(configuration(golden, dataset)))

  const { code, stderr } = await run(['train', '--config', 'cfg.json'], root)
  expect(code, stderr).toBe(0)
  const metrics = readMetrics(join(root, 'sacred_runs', '1'))
  for (const term of TERMS) {
    const { steps, values } = metrics.get(`train.batch.${term}`)!
    expect(steps, term).toEqual(Array.from({ length: golden.steps }, (_, step) => step))
    for (const [step, value] of values.entries()) {
      const expected = golden.numbers(`step${step}/loss/${term}`)[0]!
      const error = Math.abs(value! - expected) / Math.max(Math.abs(expected), 1e-2)
      expect(error, `${term} of step ${step}: ${value}, expected ${expected}`).toBeLessThanOrEqual(1e-4)
    }
  }
})

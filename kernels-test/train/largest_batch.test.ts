// full: plans batches of many sizes, one of them 16×256×256×128
import { expect, test } from 'vitest'
import { defaultConfig } from '../../src/config/schema.ts'
import { Device } from '../../src/gpu/device.ts'
import { withBatchThatFits } from '../../src/run/memory.ts'
import { TrainingEngine } from '../../src/train/engine.ts'
import { ONE_EPOCH, runDocumented } from '../commands/documented.ts'
import { STRUCTURES } from './training_here.ts'

const shape = { structures: 3, size: [32, 16, 16], inChannels: 1, channels: [2, 4, 4, 6, 8] } as const
const spec = { config: defaultConfig(), shape, structureNames: STRUCTURES }

test('a batch that the adapter cannot hold: the largest that it can is named', async () => {
  const device = await Device.open(process.env.SADAAN_ADAPTER, { maxBufferBytes: 2 ** 21 })
  const attempt = (batchSize: number) => TrainingEngine.allocate(device, { ...spec, batchSize })
  const rehearse = (batchSize: number) => TrainingEngine.rehearse(device, { ...spec, batchSize })
  const refusal = await withBatchThatFits({ device, batchSize: 8, attempt, rehearse }).then(
    () => undefined,
    (error: Error) => error.message,
  )
  const [, largest] = /^training\.batch_size is 8: .* cannot hold it \(.+\); the largest that fits is (\d)$/.exec(
    refusal!,
  )!
  expect(Number(largest)).toBeGreaterThanOrEqual(1)
  const fitting = withBatchThatFits({ device, batchSize: Number(largest), attempt, rehearse })
  await expect(fitting).resolves.toBeInstanceOf(TrainingEngine)
  await expect(attempt(Number(largest) + 1)).rejects.toThrow(/largest buffer/)
  device.close()
})

test('batch_size=16 of 256×256×128 is planned at full size, and the largest that fits is named', async () => {
  const command = `sadaan-gpu train with \
    training.batch_size=16 \
    training.num_workers=8 \
    training.image_size=[256,256,128] \
    training.learning_rate=1e-3`
  const left = await runDocumented(command, [ONE_EPOCH], { data: 'many' })
  const { said } = left
  // a tensor of such a batch has more elements than any adapter indexes
  expect(said.code, said.output).toBe(2)
  expect(said.stderr).toMatch(/^samples are resampled from 32×16×16 to 256×256×128 /m)
  expect(said.stderr.trimEnd().split('\n').at(-1)).toMatch(
    /^sadaan-gpu: training\.batch_size is 16: .* cannot hold it \(.*\); the largest that fits is \d+$/,
  )
  expect(left.files('.')).toEqual(['synthetic_medical_dataset_hdf5'])
})

// full: compares with PyTorch
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { writeCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import type { TorchTensor } from '../../src/checkpoint/pickle/torch_tensor.ts'
import { defaultConfig } from '../../src/config/schema.ts'
import { Hdf5File } from '../../src/data/hdf5/file.ts'
import { Hdf5Writer } from '../../src/data/hdf5/writer.ts'
import { initialValues } from '../../src/nn/initialise.ts'
import { type SadaanShape, specify } from '../../src/nn/specification.ts'
import { predict } from '../../src/predict/predict.ts'
import { RAW_NAMES } from '../../src/predict/subject_prediction.ts'
import { sizeOf } from '../../src/util/shape.ts'
import { temporaryDirectory } from '../data/small_dataset.ts'
import { relativeError } from '../numbers.ts'
import { checkpointOf } from '../predict/golden_model.ts'

const python = process.env.SADAAN_PYTHON
const oracle = fileURLToPath(new URL('../oracle/sadaan_oracle.py', import.meta.url))
const shape: SadaanShape = { structures: 3, size: [32, 16, 32], inChannels: 2, channels: [4, 6, 8, 10, 12] }
const SAMPLES = 3
const folder = temporaryDirectory()

/** A fresh model, its running statistics moved from where they start. */
function weights(): Map<string, TorchTensor> {
  return new Map(
    specify(shape).map((entry, index): [string, TorchTensor] => {
      if (entry.role === 'num_batches_tracked')
        return [entry.name, { dtype: 'i64', shape: [], data: BigInt64Array.of(5n) }]
      const data = initialValues(entry, index, { seed: 1 })
      if (entry.role.startsWith('running')) for (let c = 0; c < data.length; c++) data[c]! += 0.1 * ((c % 5) + 1)
      return [entry.name, { dtype: 'f32', shape: entry.shape, data }]
    }),
  )
}

/** The same samples under the name that we read and the one that the oracle reads. */
async function writeInput(path: string): Promise<void> {
  const rowShape = [shape.inChannels, ...shape.size]
  const columns = ['images', 'x'].map(name => ({ name, kind: 'float32' as const, rowShape }))
  const writer = await Hdf5Writer.create(path, columns)
  for (let n = 0; n < SAMPLES; n++) {
    const row = Float32Array.from({ length: sizeOf(rowShape) }, (_, v) => ((n + 1) * v * 37) % 256)
    for (const { name } of columns) writer.append(name, row)
  }
  await writer.finish()
}

test("the oracle's forward on our checkpoint equals predict --raw", async ctx => {
  if (!python) return ctx.skip('SADAAN_PYTHON names no python with torch')
  const [model, input, theirs] = ['best_model.pth', 'input.h5', 'theirs.h5'].map(name => join(folder, name)) as [
    string,
    string,
    string,
  ]
  writeCheckpoint(model, checkpointOf(weights(), ['a', 'b', 'c']))
  await writeInput(input)
  const { status, stderr } = spawnSync(python, [oracle, 'forward', model, input, theirs], { encoding: 'utf8' })
  expect(status, stderr).toBe(0)
  const config = defaultConfig()
  config.compute.adapter = process.env.SADAAN_ADAPTER ?? null
  config.training.batch_size = 2
  const output = join(folder, 'ours')
  const quiet = () => undefined
  await predict({ config, weights: model, input, split: 'test', output, raw: true, say: quiet, progress: quiet })
  const [expected, found] = [await Hdf5File.open(theirs), await Hdf5File.open(join(output, 'raw.h5'))]
  for (const name of RAW_NAMES) {
    const [a, b] = [expected.dataset(name), found.dataset(name)]
    expect(b.shape, name).toStrictEqual(a.shape)
    expect(relativeError(found.read(b, 0, b.shape[0]!), expected.read(a, 0, a.shape[0]!)), name).toBeLessThanOrEqual(
      1e-4,
    )
  }
  expected.close()
  found.close()
})

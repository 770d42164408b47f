import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import type { TorchTensor } from '../../src/checkpoint/pickle/torch_tensor.ts'
import { initialValues } from '../../src/nn/initialise.ts'
import { ModelState } from '../../src/nn/model_state.ts'

/** Writes a checkpoint of a narrow SADAAN with its initial weights that fits a dataset: for what comes after training. */
export function writeUntrainedModel(path: string, dataset: string): void {
  const metadata = JSON.parse(readFileSync(join(dataset, 'metadata.json'), 'utf8'))
  const { structure_names: structureNames, image_size: size } = metadata
  const { entries } = new ModelState({
    structures: structureNames.length,
    size,
    inChannels: 1,
    channels: [4, 8, 16, 32, 64],
  })
  const model = new Map(
    entries
      .filter(({ role }) => role !== 'num_batches_tracked')
      .map((entry, i): [string, TorchTensor] => {
        return [entry.name, { dtype: 'f32', shape: entry.shape, data: initialValues(entry, i, { seed: 1 }) }]
      }),
  )
  writeCheckpoint(path, { epoch: 0, model, structureNames, isBest: true, trainLossHistory: [], valLossHistory: [] })
}

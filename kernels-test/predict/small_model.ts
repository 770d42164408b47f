import { writeCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import type { Json } from '../../src/checkpoint/fields.ts'
import type { TorchTensor } from '../../src/checkpoint/pickle/torch_tensor.ts'
import { initialValues } from '../../src/nn/initialise.ts'
import { type SadaanShape, specify } from '../../src/nn/specification.ts'
import { checkpointOf } from './golden_model.ts'

/** Writes a checkpoint of a very narrow SADAAN with its initial weights, and of what `sadaan_gpu` shall say beside them. */
export function writeSmallModel(
  path: string,
  structureNames: string[],
  shape: Pick<SadaanShape, 'size' | 'inChannels'>,
  sadaan: Record<string, Json> = {},
): void {
  const entries = specify({ ...shape, structures: structureNames.length, channels: [2, 4, 4, 6, 8] })
  const model = new Map(
    entries
      .filter(({ role }) => role !== 'num_batches_tracked')
      .map((entry, i): [string, TorchTensor] => {
        const data = initialValues(entry, i, 1)
        // probabilities on both sides of a half, instead of all just beside it
        if (entry.name === 'segmentation_head.segmentation_layer.weight')
          for (let e = 0; e < data.length; e++) data[e]! *= 60
        return [entry.name, { dtype: 'f32', shape: entry.shape, data }]
      }),
  )
  writeCheckpoint(path, { ...checkpointOf(model, structureNames), sadaan })
}

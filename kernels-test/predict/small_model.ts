import { writeCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import type { Json } from '../../src/checkpoint/fields.ts'
import type { TorchTensor } from '../../src/checkpoint/pickle/torch_tensor.ts'
import { initialValues } from '../../src/nn/initialise.ts'
import { type SadaanShape, specify } from '../../src/nn/specification.ts'
import { checkpointOf } from './golden_model.ts'

/** What a small model is like; very narrow unless `channels` says otherwise. */
export type SmallShape = Pick<SadaanShape, 'size' | 'inChannels'> & Partial<Pick<SadaanShape, 'channels' | 'features'>>

/** Writes a checkpoint of a SADAAN with its initial weights, and of what `sadaan_gpu` shall say beside them. */
export function writeSmallModel(
  path: string,
  structureNames: string[],
  shape: SmallShape,
  sadaan: Record<string, Json> = {},
  seed = 1,
): void {
  writeCheckpoint(path, { ...checkpointOf(smallWeights(structureNames.length, shape, seed), structureNames), sadaan })
}

export function smallWeights(structures: number, shape: SmallShape, seed = 1): Map<string, TorchTensor> {
  const entries = specify({ channels: [2, 4, 4, 6, 8], ...shape, structures })
  return new Map(
    entries
      .filter(({ role }) => role !== 'num_batches_tracked')
      .map((entry, i): [string, TorchTensor] => {
        const data = initialValues(entry, i, { seed })
        // probabilities on both sides of a half, instead of all just beside it
        if (entry.name === 'segmentation_head.segmentation_layer.weight')
          for (let e = 0; e < data.length; e++) data[e]! *= 60
        return [entry.name, { dtype: 'f32', shape: entry.shape, data }]
      }),
  )
}

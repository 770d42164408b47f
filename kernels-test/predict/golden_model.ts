import type { TorchTensor } from '../../src/checkpoint/pickle/torch_tensor.ts'
import { specify } from '../../src/nn/specification.ts'
import type { Golden } from '../golden/golden_file.ts'

/** The state dict that a golden's steps ended with. */
export function finalWeights(golden: Golden): Map<string, TorchTensor> {
  return new Map(
    specify(golden.shape).map(({ name, shape, role }): [string, TorchTensor] => {
      const values = golden.numbers(`final/${name}`)
      if (role === 'num_batches_tracked')
        return [name, { dtype: 'i64', shape: [], data: BigInt64Array.of(BigInt(values[0]!)) }]
      return [name, { dtype: 'f32', shape, data: Float32Array.from(values) }]
    }),
  )
}

/** A training checkpoint around weights. */
export function checkpointOf(model: Map<string, TorchTensor>, structureNames: string[]) {
  return { epoch: 0, model, structureNames, isBest: true, trainLossHistory: [1], valLossHistory: [1] }
}

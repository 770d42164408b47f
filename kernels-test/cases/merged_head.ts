import { mergeHeadWeights } from '../../src/ops/sadaan/merged_head.ts'
import { defineCase } from '../case.ts'
import { normals } from '../numbers.ts'

interface Row {
  outputs: number
  features: number
  channels: number
}

export default defineCase<Row>({
  operation: 'merged_head',
  rows: [
    { outputs: 1, features: 1, channels: 1 },
    { outputs: 5, features: 7, channels: 3 },
    { outputs: 64, features: 128, channels: 16 },
  ],
  inputs: ({ outputs, features, channels }, random) => ({
    weight: {
      shape: [outputs, features, 3, 3, 3],
      data: normals(random, outputs * features * 27, 0, 0.1),
      kind: 'parameter',
      gradient: true,
    },
    finalWeight: {
      shape: [features, channels, 1, 1, 1],
      data: normals(random, features * channels),
      kind: 'parameter',
      gradient: true,
    },
    finalBias: { shape: [features], data: normals(random, features), kind: 'parameter', gradient: true },
  }),
  build: (tape, { weight, finalWeight, finalBias }) => ({
    merged: mergeHeadWeights(tape, weight!, finalWeight!, finalBias!),
  }),
  reference: ({ weight, finalWeight, finalBias }, { outputs, features, channels }) => {
    const merged = new Float64Array(outputs * (channels + 1) * 27)
    for (let o = 0; o < outputs; o++)
      for (let c = 0; c < features; c++)
        for (let i = 0; i <= channels; i++)
          for (let k = 0; k < 27; k++)
            merged[(o * (channels + 1) + i) * 27 + k]! +=
              weight![(o * features + c) * 27 + k]! * (i < channels ? finalWeight![c * channels + i]! : finalBias![c]!)
    return { merged }
  },
  flops: ({ outputs, features, channels }) => 2 * outputs * features * (channels + 1) * 27,
  bytes: ({ outputs, features, channels }) =>
    4 * (outputs * (features + channels + 1) * 27 + features * (channels + 1)),
})

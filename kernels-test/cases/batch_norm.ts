import { type BatchNormRow, batchNormOperation } from '../../bench/operations/batch_norm.ts'
import { type CaseInput, defineCase, type Random } from '../case.ts'

const MIB = 2 ** 20

function withoutGradients(row: BatchNormRow, random: Random): Record<string, CaseInput> {
  const inputs = Object.entries(batchNormOperation.inputs(row, random))
  return Object.fromEntries(inputs.map(([name, input]) => [name, { ...input, gradient: false }]))
}

export default [
  defineCase<BatchNormRow>({
    ...batchNormOperation,
    rows: [
      { shape: [1, 1, 1, 1, 3], training: true, relu: false },
      { shape: [2, 3, 3, 5, 7], training: true, relu: false },
      { shape: [2, 17, 2, 2, 1], training: true, relu: false },
      { shape: [3, 5, 5, 9, 11], training: true, relu: true },
      { shape: [2, 40, 1, 1, 4], training: true, relu: true },
      { shape: [2, 1, 16, 16, 33], training: true, relu: true },
      { shape: [2, 3, 3, 5, 7], training: false, relu: false },
      { shape: [2, 5, 4, 4, 6], training: false, relu: true },
      { shape: [2, 5, 4, 4, 6], training: true, relu: true, between: true },
      { shape: [1, 5, 32, 32, 64], training: true, relu: false, between: true, limit: MIB },
      // Cut by samples, and by channels of one sample. No ReLU: with so many values, some finite difference would straddle its kink.
      { shape: [3, 2, 32, 32, 64], training: true, relu: false, limit: MIB },
      { shape: [1, 5, 32, 32, 64], training: true, relu: false, limit: MIB },
      { shape: [2, 2, 32, 64, 64], training: false, relu: false, limit: MIB },
    ],
  }),
  // Any two values become −1 and 1, so the gradient is pure rounding error.
  defineCase<BatchNormRow>({
    ...batchNormOperation,
    operation: 'batch_norm of two values',
    inputs: withoutGradients,
    rows: [
      { shape: [1, 3, 1, 1, 2], training: true, relu: false },
      { shape: [2, 17, 1, 1, 1], training: true, relu: true },
    ],
  }),
  // Near 1000 the spacing of float32 is 6e-5, so the mean is stored with an error of up to half of that.
  defineCase<BatchNormRow>({
    ...batchNormOperation,
    operation: 'batch_norm far from zero',
    tolerance: 1e-4,
    rows: [
      { shape: [2, 3, 8, 9, 10], training: true, relu: false, mean: 1000 },
      { shape: [2, 1, 16, 16, 33], training: true, relu: false, mean: 1000 },
      { shape: [2, 5, 1, 1, 4], training: true, relu: false, mean: -1000 },
      { shape: [1, 3, 4, 4, 6], training: false, relu: false, mean: 1000 },
    ],
  }),
]

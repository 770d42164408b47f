import { modelMean, modelMeanLogits } from '../../src/ops/sadaan/model_mean.ts'
import { defineCase } from '../case.ts'
import { normals } from '../numbers.ts'

interface Row {
  elements: number
  /** models that ran before */
  earlier: number
  /** binding limit in bytes */
  limit?: number
}

const rows: Row[] = [
  { elements: 1, earlier: 0 },
  { elements: 4097, earlier: 0 },
  { elements: 4097, earlier: 1 },
  { elements: 70_001, earlier: 4, limit: 2 ** 16 },
]

const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z))

/** What lies in the sum before the first model counts for nothing. */
const before = (sum: number, earlier: number): number => (earlier > 0 ? sum : 0)

export default [
  defineCase<Row>({
    operation: 'model_mean.mean',
    rows,
    inputs: ({ elements, earlier }, random) => ({
      x: { shape: [elements], data: normals(random, elements) },
      sum: { shape: [elements], data: normals(random, elements, 0, 3), kind: 'state' },
      earlier: { shape: [1], data: Uint32Array.of(earlier) },
    }),
    build: (tape, { x, sum, earlier }) => {
      const to = { sum: sum!, earlier: earlier! }
      return { mean: modelMean(tape, x!, to), sum: to.sum }
    },
    reference: ({ x, sum }, { earlier }) => {
      const sums = x!.map((value, i) => before(sum![i]!, earlier) + value)
      return { mean: sums.map(total => total / (earlier + 1)), sum: sums }
    },
    flops: () => 0,
    bytes: ({ elements }) => elements * 16,
    limit: ({ limit }) => limit,
  }),
  // Not far from 0: beside 1, a probability in float32 determines its logit to few digits.
  defineCase<Row>({
    operation: 'model_mean.mean_logits',
    rows,
    inputs: ({ elements, earlier }, random) => ({
      logits: { shape: [elements], data: normals(random, elements, 0, 1.5) },
      sum: { shape: [elements], data: Float32Array.from({ length: elements }, () => random.uniform(0, earlier)) },
      earlier: { shape: [1], data: Uint32Array.of(earlier) },
    }),
    build: (tape, { logits, sum, earlier }) => ({
      mean_logits: modelMeanLogits(tape, logits!, { sum: sum!, earlier: earlier! }),
    }),
    reference: ({ logits, sum }, { earlier }) => ({
      mean_logits: logits!.map((z, i) => {
        const total = before(sum![i]!, earlier) + sigmoid(z)
        return Math.log(total / (earlier + 1 - total))
      }),
    }),
    flops: () => 0,
    bytes: ({ elements }) => elements * 16,
    limit: ({ limit }) => limit,
  }),
]

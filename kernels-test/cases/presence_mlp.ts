import { type PresenceLayout, presenceMlp, presenceProbability } from '../../src/ops/sadaan/presence_mlp.ts'
import { defineCase } from '../case.ts'
import { normals } from '../numbers.ts'
import { dropoutFactor, dropoutKeys } from './dropout.ts'

interface Row {
  samples: number
  structures: number
  features: number
  hidden: readonly [number, number]
  /** probability; undefined outside training */
  dropout?: number
}

/** The tensors in order, with gaps between them as in an arena of aligned tensors. */
function layoutOf({ features, hidden }: Row): PresenceLayout & { stride: number } {
  const sizes = [hidden[0] * (features + 1), hidden[0], hidden[1] * hidden[0], hidden[1], 2 * hidden[1], 2]
  const offsets: number[] = []
  let stride = 0
  for (const size of sizes) {
    offsets.push(stride)
    stride += Math.ceil(size / 64) * 64
  }
  return { offsets: offsets as unknown as PresenceLayout['offsets'], hidden, stride }
}

/** W · x + b with the tensors at `weight` and `bias` in a row of the block. */
function layer(row: Float64Array, weight: number, bias: number, x: readonly number[], outputs: number): number[] {
  return Array.from({ length: outputs }, (_, o) =>
    x.reduce((sum, value, i) => sum + row[weight + o * x.length + i]! * value, row[bias + o]!),
  )
}

function reference(inputs: Record<string, Float64Array>, row: Row): Float64Array {
  const { samples, structures, features, hidden, dropout = 0 } = row
  const { offsets, stride } = layoutOf(row)
  const relu = (value: number) => Math.max(0, value)
  const logits: number[] = []
  for (let n = 0; n < samples; n++)
    for (let s = 0; s < structures; s++) {
      const parameters = inputs.block!.subarray(s * stride, (s + 1) * stride)
      const pooled = inputs.pooled!.subarray(n * features, (n + 1) * features)
      const x = [...pooled, inputs.alignment![n * structures + s]!]
      const first = layer(parameters, offsets[0], offsets[1], x, hidden[0]).map(
        (value, unit) => relu(value) * dropoutFactor(inputs.keys!, n, s * hidden[0] + unit, dropout),
      )
      const second = layer(parameters, offsets[2], offsets[3], first, hidden[1]).map(relu)
      logits.push(...layer(parameters, offsets[4], offsets[5], second, 2))
    }
  return Float64Array.from(logits)
}

const mlp = defineCase<Row>({
  operation: 'presence_mlp',
  rows: [
    { samples: 1, structures: 1, features: 16, hidden: [64, 32] },
    { samples: 2, structures: 3, features: 17, hidden: [64, 32], dropout: 0 },
    { samples: 3, structures: 5, features: 32, hidden: [64, 32], dropout: 0.2 },
    { samples: 2, structures: 13, features: 128, hidden: [64, 32], dropout: 0.5 },
    { samples: 2, structures: 2, features: 5, hidden: [70, 3], dropout: 0.3 },
  ],
  inputs: (row, random) => {
    const { samples, structures, features } = row
    const { stride } = layoutOf(row)
    const pooled = normals(random, samples * features)
    const alignment = normals(random, samples * structures)
    const block = normals(random, structures * stride, 0, 0.2)
    return {
      pooled: { shape: [samples, features], data: pooled, gradient: true },
      alignment: { shape: [samples, structures], data: alignment, gradient: true },
      block: { shape: [structures, stride], data: block, kind: 'parameter', gradient: true },
      keys: { shape: [samples, 4], data: dropoutKeys(random, samples) },
    }
  },
  build: (tape, { pooled, alignment, block, keys }, row) => {
    const mode =
      row.dropout === undefined
        ? { training: false as const }
        : { training: true as const, keys: keys!, dropout: row.dropout }
    return {
      logits: presenceMlp(tape, { pooled: pooled!, alignment: alignment!, block: block!, layout: layoutOf(row) }, mode),
    }
  },
  reference: (inputs, row) => ({ logits: reference(inputs, row) }),
  flops: ({ samples, structures, features, hidden }) =>
    2 * samples * structures * ((features + 1) * hidden[0] + hidden[0] * hidden[1] + 2 * hidden[1]),
  bytes: row => 4 * row.structures * layoutOf(row).stride,
})

interface Pairs {
  samples: number
  structures: number
  /** standard deviation of the logits */
  deviation: number
}

const probability = defineCase<Pairs>({
  operation: 'presence_probability',
  rows: [
    { samples: 1, structures: 1, deviation: 1 },
    { samples: 2, structures: 13, deviation: 2 },
    { samples: 5, structures: 17, deviation: 30 },
  ],
  inputs: ({ samples, structures, deviation }, random) => ({
    logits: {
      shape: [samples, structures, 2],
      data: normals(random, samples * structures * 2, 0, deviation),
      gradient: true,
    },
  }),
  build: (tape, { logits }) => ({ probability: presenceProbability(tape, logits!) }),
  reference: ({ logits }, { samples, structures }) => ({
    probability: Float64Array.from(
      { length: samples * structures },
      (_, i) => 1 / (1 + Math.exp(logits![2 * i]! - logits![2 * i + 1]!)),
    ),
  }),
  flops: () => 0,
  bytes: ({ samples, structures }) => samples * structures * 12,
})

export default [mlp, probability]

import { cast } from '../../src/ops/cast.ts'
import { defineCase } from '../case.ts'
import { normals } from '../numbers.ts'

interface Row {
  elements: number
  /** binding limit in bytes */
  limit?: number
}

/** Half a unit in the last place of f16, which has 11 bits. */
const ROUNDING = 2 ** -11

/** To f16 and back. */
export default defineCase<Row>({
  operation: 'cast',
  rows: [{ elements: 1 }, { elements: 4097 }, { elements: 70_001, limit: 2 ** 16 }],
  inputs: ({ elements }, random) => ({
    x: { shape: [elements], data: normals(random, elements), gradient: true },
  }),
  build: (tape, { x }) => ({ y: cast(tape, cast(tape, x!, 'f16'), 'f32') }),
  reference: ({ x }) => ({ y: x! }),
  tolerance: ROUNDING,
  gradientTolerance: ROUNDING,
  flops: () => 0,
  bytes: ({ elements }) => elements * 12,
  limit: ({ limit }) => limit,
  skip: (_, { features }) => (features.has('shader-f16') ? undefined : 'no shader-f16'),
})

import { dropout } from '../../src/ops/dropout.ts'
import { OP_DROPOUT, philox, uniform01 } from '../../src/util/random.ts'
import { type Shape, sizeOf } from '../../src/util/shape.ts'
import { defineCase, type Random } from '../case.ts'
import { normals } from '../numbers.ts'

interface Row {
  shape: Shape // (N, ...)
  probability: number
  firstElement: number
  /** binding limit in bytes */
  limit?: number
}

const WORD = 2 ** 32

/** (N, 4): the same seed and epoch, a different sample index each. */
export function dropoutKeys(random: Random, samples: number): Uint32Array<ArrayBuffer> {
  const [seed, epoch] = [random.integer(WORD), random.integer(100)]
  return Uint32Array.from(Array.from({ length: samples }, () => [seed, epoch, random.integer(WORD), 0]).flat())
}

/** The factor of element `element` of sample n. */
export function dropoutFactor(keys: Float64Array, n: number, element: number, probability: number): number {
  const [seed, epoch, sample] = keys.slice(4 * n, 4 * n + 3) as unknown as [number, number, number]
  const words = philox([Math.floor(element / 4), OP_DROPOUT, sample, epoch], [seed, 0])
  return uniform01(words[element % 4]!) < probability ? 0 : 1 / (1 - probability)
}

export default defineCase<Row>({
  operation: 'dropout',
  rows: [
    { shape: [1, 3], probability: 0.5, firstElement: 0 },
    { shape: [3, 17], probability: 0.2, firstElement: 0 },
    { shape: [4, 5, 33], probability: 0.9, firstElement: 70 },
    { shape: [2, 64], probability: 0.1, firstElement: 3 },
    { shape: [3, 1501], probability: 0.3, firstElement: 0, limit: 4096 },
  ],
  inputs: ({ shape }, random) => ({
    x: { shape, data: normals(random, sizeOf(shape)), gradient: true },
    keys: { shape: [shape[0]!, 4], data: dropoutKeys(random, shape[0]!) },
  }),
  build: (tape, { x, keys }, { probability, firstElement }) => ({
    y: dropout(tape, x!, keys!, { probability, training: true, firstElement }),
  }),
  reference: ({ x, keys }, { shape, probability, firstElement }) => {
    const elements = sizeOf(shape) / shape[0]!
    const factor = (i: number): number =>
      dropoutFactor(keys!, Math.floor(i / elements), firstElement + (i % elements), probability)
    return { y: x!.map((value, i) => value * factor(i)) }
  },
  flops: () => 0,
  bytes: ({ shape }) => sizeOf(shape) * 8,
  limit: ({ limit }) => limit,
})

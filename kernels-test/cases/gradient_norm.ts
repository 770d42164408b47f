import { gradientNorm } from '../../src/optim/clip.ts'
import { defineCase } from '../case.ts'
import { normals } from '../numbers.ts'

interface Row {
  size: number
  /** number of them to use, from the first */
  elements: number
  clipNorm: number
  /** special values among the elements */
  among?: readonly string[]
  /** binding limit in bytes */
  limit?: number
}

export default defineCase<Row>({
  operation: 'gradient_norm',
  rows: [
    { size: 1, elements: 1, clipNorm: 0.5 },
    { size: 3000, elements: 2999, clipNorm: 0.5 },
    { size: 3000, elements: 3000, clipNorm: 1e9 },
    { size: 20_000, elements: 19_999, clipNorm: 0.5, limit: 2 ** 14 },
    { size: 3000, elements: 3000, clipNorm: 0.5, among: ['NaN'] },
    { size: 3000, elements: 3000, clipNorm: 0.5, among: ['Infinity', '-Infinity'] },
  ],
  inputs: ({ size, among = [] }, random) => {
    const gradient = normals(random, size)
    for (const [i, value] of among.entries()) gradient[random.integer(size / 2) * 2 + i] = Number(value)
    return { gradient: { shape: [size], data: gradient, kind: 'state' } }
  },
  build: (tape, { gradient }, { elements, clipNorm }) => ({
    clip: gradientNorm(tape, gradient!, { elements, limit: clipNorm }),
  }),
  reference: ({ gradient }, { elements, clipNorm, among }) => {
    const finite = gradient!.subarray(0, elements).filter(Number.isFinite)
    const norm = Math.sqrt(finite.reduce((sum, g) => sum + g * g, 0))
    return { clip: Float64Array.of(norm, Math.min(1, clipNorm / (norm + 1e-6)), among ? 0 : 1) }
  },
  tolerance: 1e-6,
  limit: row => row.limit,
  flops: ({ elements }) => 2 * elements,
  bytes: ({ elements }) => 4 * elements,
})

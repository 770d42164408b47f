import type { Tensor } from '../../src/graph/tensor.ts'
import { LOSS_TERMS, type LossInputs, type LossTerm, PAIR_SUMS, sadaanLoss } from '../../src/loss/sadaan_loss.ts'
import { sizeOf } from '../../src/util/shape.ts'
import { normals } from '../ops/numbers.ts'
import type { Operation, OperationInput, Random } from '../ops/operation.ts'
import { sigmoid, softplus } from './elementary.ts'

export interface LossRow {
  samples: number
  structures: number
  size: readonly [number, number, number]
  /** presence values, which the pairs take in turn */
  presence: readonly number[]
  /** Logits of ±80, and attention and presence probabilities of 0 and 1, which have no derivative there. */
  extreme?: boolean
  /** weight of the focal term; 0 leaves the six terms of the original */
  focal?: number
  /** binding limit in bytes */
  limit?: number
}

const WEIGHTS: Readonly<Record<LossTerm, number>> = {
  segmentation: 1,
  dice: 2,
  focal_seg: 1,
  absence: 1,
  attention_supervision: 0.5,
  false_positive_suppression: 0.5,
  confidence: 0.1,
}

const EPSILON = 1e-6

function inputs(row: LossRow, random: Random) {
  const pairs = row.samples * row.structures
  const voxels = sizeOf(row.size)
  const shape = [row.samples, row.structures, ...row.size]
  const draw = (count: number, value: () => number): Float32Array => Float32Array.from({ length: count }, value)
  const logits = row.extreme
    ? draw(pairs * voxels, () => [-80, 80, 0, -1e-3, random.normal()][random.integer(5)]!)
    : normals(random, pairs * voxels, 0, 3)
  const probability = (): number =>
    row.extreme && random.integer(4) === 0 ? random.integer(2) : random.uniform(0.01, 0.99)
  const words = Uint32Array.from({ length: (pairs * voxels) / 32 }, () => random.integer(2 ** 32))
  return {
    logits: { shape, data: logits, gradient: true },
    attention: { shape, data: draw(pairs * voxels, probability), gradient: !row.extreme },
    presenceProbability: {
      shape: [row.samples, row.structures],
      data: draw(pairs, probability),
      gradient: !row.extreme,
    },
    maskBits: { shape: [row.samples, row.structures, voxels / 32], data: words },
    presence: {
      shape: [row.samples, row.structures],
      data: Float32Array.from({ length: pairs }, (_, i) => row.presence[i % row.presence.length]!),
    },
  } satisfies Record<string, OperationInput>
}

function crossEntropy(p: number, truth: boolean): number {
  return -Math.max(-100, truth ? Math.log(p) : Math.log1p(-p))
}

/** PAIR_SUMS of every pair. */
function pairSums(given: Record<string, Float64Array>, voxels: number): Float64Array {
  const { logits, attention, maskBits } = given
  const sums = new Float64Array((logits!.length / voxels) * PAIR_SUMS.length)
  logits!.forEach((z, i) => {
    const inside = Math.floor(maskBits![i >> 5]! / 2 ** (i & 31)) % 2 === 1
    const m = Number(inside)
    const p = sigmoid(z)
    const loss = softplus(inside ? -z : z)
    const focal = 0.25 * sigmoid(inside ? -z : z) ** 2 * loss
    const hard = Number(z > 0)
    const at = Math.floor(i / voxels) * PAIR_SUMS.length
    const values = [loss, p * m, p, m, focal, crossEntropy(attention![i]!, inside), hard * m, hard]
    for (const [j, value] of values.entries()) sums[at + j]! += value
  })
  return sums
}

function reference(given: Record<string, Float64Array>, row: LossRow): Record<string, Float64Array> {
  const voxels = sizeOf(row.size)
  const pairs = pairSums(given, voxels)
  const y = Array.from(given.presence!)
  const q = given.presenceProbability!
  const known = y.filter(value => value >= 0).length
  const sum = (wanted: number[], value: (s: Float64Array, pair: number) => number): number =>
    y.reduce((total, presence, i) => total + (wanted.includes(presence) ? value(pairs.subarray(8 * i), i) : 0), 0)
  const mean = (wanted: number[], count: number, value: (s: Float64Array, pair: number) => number): number =>
    count === 0 ? 0 : sum(wanted, value) / count
  const present = y.filter(value => value === 1).length
  const absent = y.filter(value => value === 0).length
  const mistaken = (i: number): boolean => (y[i] === 1 ? q[i]! < 0.5 : q[i]! > 0.5)
  const terms = [
    mean([1], present, s => s[0]! / voxels),
    mean([1], present, s => 1 - (2 * s[1]! + EPSILON) / (s[2]! + s[3]! + EPSILON)),
    mean([1], present, s => s[4]! / voxels),
    mean([0, 1], known, (_, i) => crossEntropy(q[i]!, y[i] === 1)),
    mean([1], known, s => s[5]! / voxels),
    mean([0], absent, s => s[2]! / voxels),
    mean([0, 1], known, (_, i) => (mistaken(i) ? (q[i]! - 0.5) ** 2 : 0)),
  ]
  const weights = weightsOf(row)
  const total = LOSS_TERMS.reduce((sum, term, i) => sum + weights[term] * terms[i]!, 0)
  return { total: Float64Array.of(total), terms: Float64Array.of(...terms, total), pairs }
}

function weightsOf({ focal }: LossRow): Record<LossTerm, number> {
  return { ...WEIGHTS, focal_seg: focal ?? WEIGHTS.focal_seg }
}

export const sadaanLossOperation: Operation<LossRow> = {
  operation: 'sadaan_loss',
  inputs,
  build: (tape, given, row) => ({
    ...sadaanLoss(tape, given as Record<keyof LossInputs, Tensor>, weightsOf(row)),
  }),
  reference,
  limit: row => row.limit,
  flops: () => 0,
  bytes: ({ samples, structures, size }) => samples * structures * sizeOf(size) * (4 + 4 + 1 / 8),
}

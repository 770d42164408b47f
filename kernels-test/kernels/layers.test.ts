import { expect, test } from 'vitest'
import type { AdapterFacts } from '../../src/graph/kernel.ts'
import { Tape } from '../../src/graph/tape.ts'
import { type Tensor, tensor } from '../../src/graph/tensor.ts'
import { batchNorm } from '../../src/ops/batch_norm.ts'
import { conv3d } from '../../src/ops/conv3d/conv3d.ts'
import { dropout } from '../../src/ops/dropout.ts'
import { linear } from '../../src/ops/linear.ts'
import { maxPool3d } from '../../src/ops/max_pool3d.ts'
import { presenceMlp } from '../../src/ops/sadaan/presence_mlp.ts'
import { makePlan } from '../../src/plan/plan.ts'
import { ContractError } from '../../src/util/error.ts'
import { sizeOf } from '../../src/util/shape.ts'
import batchNormCases from '../cases/batch_norm.ts'
import { gradients, runOnce, testDevice } from '../harness.ts'
import { normals, randomOf, relativeError } from '../numbers.ts'

const at = await testDevice()

test('of equal values the first of a block wins the gradient', async () => {
  const shape = [2, 3, 4, 6, 8]
  const random = randomOf('ties')
  const data = Float32Array.from({ length: sizeOf(shape) }, () => random.integer(3) - 1)
  const x = tensor('x', shape, 'input')
  const seed = tensor('seed', [2, 3, 2, 3, 4], 'input')
  const dOutput = normals(random, sizeOf(seed.shape))
  const tape = new Tape()
  const dx = tensor('d(x)', shape, 'temporary')
  tape.watch(x, dx)
  tape.differentiate(maxPool3d(tape, x), seed)
  const values = new Map<Tensor, Float32Array>([
    [x, data],
    [seed, dOutput],
  ])
  const found = await runOnce(at, tape, values, { dx })
  expect(Array.from(found.dx!)).toEqual(firstMaximaOnly(data, dOutput, shape))
})

/** d(x) of max pooling in the order a loop over (h, w, d) meets the voxels. */
function firstMaximaOnly(x: Float32Array, dOutput: Float32Array, shape: readonly number[]): number[] {
  const [samples, channels, height, width, depth] = shape as [number, number, number, number, number]
  const dx = new Array<number>(x.length).fill(0)
  let o = 0
  for (let plane = 0; plane < samples * channels; plane++)
    for (let h = 0; h < height; h += 2)
      for (let w = 0; w < width; w += 2)
        for (let d = 0; d < depth; d += 2) {
          const block = [0, 1, 2, 3, 4, 5, 6, 7].map(
            tap => ((plane * height + h + (tap >> 2)) * width + w + ((tap >> 1) & 1)) * depth + d + (tap & 1),
          )
          const best = block.reduce((first, i) => (x[i]! > x[first]! ? i : first))
          dx[best] = dOutput[o++]!
        }
  return dx
}

/** Runs dropout 0.4 on ones (N, 50). */
async function kept(keys: readonly number[][]): Promise<number[][]> {
  const x = tensor('x', [keys.length, 50], 'input')
  const k = tensor('keys', [keys.length, 4], 'input', 'u32')
  const tape = new Tape()
  const y = dropout(tape, x, k, { probability: 0.4, training: true, firstElement: 0 })
  const values = new Map<Tensor, Float32Array | Uint32Array>([
    [x, new Float32Array(keys.length * 50).fill(1)],
    [k, Uint32Array.from(keys.flat())],
  ])
  const found = await runOnce(at, tape, values, { y })
  return keys.map((_, n) => Array.from(found.y!.subarray(n * 50, (n + 1) * 50)))
}

test('what dropout drops depends on seed, epoch and sample index, not on the place in the batch', async () => {
  const [a, b, epoch, seed] = await kept([
    [7, 1, 100, 0],
    [7, 1, 101, 0],
    [7, 2, 100, 0],
    [8, 1, 100, 0],
  ])
  const swapped = await kept([
    [7, 1, 101, 0],
    [7, 1, 100, 0],
  ])
  expect(swapped).toEqual([b, a])
  for (const other of [b, epoch, seed]) expect(other).not.toEqual(a)
  expect(new Set(a)).toEqual(new Set([0, Math.fround(1 / 0.6)]))
})

test('dropout outside training, or of nothing, is the input itself', () => {
  const x = tensor('x', [2, 3], 'input')
  const keys = tensor('keys', [2, 4], 'input', 'u32')
  const tape = new Tape()
  expect(dropout(tape, x, keys, { probability: 0.5, training: false, firstElement: 0 })).toBe(x)
  expect(dropout(tape, x, keys, { probability: 0, training: true, firstElement: 0 })).toBe(x)
  expect(tape.calls).toEqual([])
})

/** Dispatches of the presence classifiers of S structures, forward and backward. */
function presenceDispatches(structures: number): number {
  const layout = { offsets: [0, 1152, 1216, 3264, 3328, 3392] as const, hidden: [64, 32] as const }
  const tape = new Tape()
  const pooled = tensor('pooled', [2, 16], 'input')
  const alignment = tensor('alignment', [2, structures], 'input')
  const block = tensor('block', [structures, 3456], 'parameter')
  const leaves = [pooled, alignment, block]
  for (const leaf of leaves) tape.watch(leaf, tensor(`d(${leaf.name})`, leaf.shape, 'gradient'))
  const mode = { training: true as const, keys: tensor('keys', [2, 4], 'input', 'u32'), dropout: 0.2 }
  const logits = presenceMlp(tape, { pooled, alignment, block, layout }, mode)
  tape.differentiate(logits, tensor('seed', logits.shape, 'input'))
  return makePlan('presence', tape.calls, [logits], at.device.facts).dispatches.length
}

test('the presence classifiers cost five dispatches, however many structures there are', () => {
  expect([1, 2, 13, 40].map(presenceDispatches)).toEqual([5, 5, 5, 5])
})

const [batchNormCase] = batchNormCases
const spans = { shape: [2, 3, 16, 16, 33], training: true, relu: true }

/** All gradients of a batch norm on this device, laid out as `facts` say. */
async function batchNormGradients(facts: Partial<AdapterFacts>): Promise<Record<string, Float32Array>> {
  const random = randomOf('spans')
  const inputs = batchNormCase!.inputs(spans, random)
  const cotangent = normals(random, sizeOf(spans.shape))
  const { device, pipelines } = at
  const same = Object.create(device, { facts: { value: { ...device.facts, ...facts } } }) as typeof device
  return gradients({ device: same, pipelines }, batchNormCase!, spans, inputs, cotangent)
}

test('batch norm gives the same bits twice', async () => {
  expect(await batchNormGradients({})).toEqual(await batchNormGradients({}))
})

test('the layouts for software adapters and for GPUs give the same gradients', async () => {
  const ofSoftware = await batchNormGradients({ software: true })
  const ofGpu = await batchNormGradients({ software: false })
  for (const [name, values] of Object.entries(ofSoftware))
    expect(relativeError(values, ofGpu[name]!), name).toBeLessThan(1e-5)
})

test('a wrong shape is refused by operation and argument', () => {
  const tape = new Tape()
  const of = (...shape: number[]) => tensor('t', shape, 'input')
  const c = of(3)
  const norm = { weight: c, bias: c, runningMean: c, runningVar: c }
  const training = { training: true as const, statistics: { mean: c, variance: c } }
  const keys = tensor('keys', [2, 4], 'input', 'u32')
  const options = { probability: 1, training: true, firstElement: 0 }
  const wrong: [() => unknown, RegExp][] = [
    [() => batchNorm(tape, of(1, 3, 1, 1, 1), norm, training), /^batchNorm: shape .* at least 2 values/],
    [() => batchNorm(tape, of(1, 4, 2, 2, 2), norm, { training: false }), /^batchNorm: shape of t .* \(4\)/],
    [() => maxPool3d(tape, of(1, 1, 2, 3, 2)), /^maxPool3d: shape .* even H, W and D/],
    [() => linear(tape, of(2, 3), of(5, 4), of(5)), /^linear: shape of the weight .* \(O, 3\)/],
    [() => dropout(tape, of(2, 3), keys, options), /^dropout: probability is 1, expected a number in \[0, 1\)/],
    [() => dropout(tape, of(3, 3), keys, { ...options, probability: 0.5 }), /^dropout: keys .* u32 \(3, 4\)/],
  ]
  for (const [call, message] of wrong) {
    expect(call).toThrow(ContractError)
    expect(call).toThrow(message)
  }
})

test('in front of a batch norm a convolution has no bias gradient, and would have a vanishing one', async () => {
  const random = randomOf('bias in front of a batch norm')
  const input = (name: string, ...shape: number[]) =>
    [tensor(name, shape, 'input'), normals(random, sizeOf(shape))] as const
  const x = input('x', 2, 3, 4, 4, 4)
  const weight = input('weight', 5, 3, 3, 3, 3)
  const bias = input('bias', 5)
  const scale = input('scale', 5)
  const shift = input('shift', 5)
  const seed = input('seed', 2, 5, 4, 4, 4)
  const biasCalls = async (normalised: boolean) => {
    const tape = new Tape()
    const d = { weight: tensor('d(weight)', weight[0].shape, 'temporary'), bias: tensor('d(bias)', [5], 'temporary') }
    tape.watch(weight[0], d.weight)
    tape.watch(bias[0], d.bias)
    const y = conv3d(tape, x[0], weight[0], bias[0], { normalised })
    const [runningMean, runningVar, mean, variance] = ['a', 'b', 'c', 'd'].map(name => tensor(name, [5], 'state'))
    const parameters = { weight: scale[0], bias: shift[0], runningMean: runningMean!, runningVar: runningVar! }
    const mode = { training: true as const, statistics: { mean: mean!, variance: variance! } }
    tape.differentiate(batchNorm(tape, y, parameters, mode, { relu: true }), seed[0])
    const state = new Float32Array(5)
    const values = new Map([x, weight, bias, scale, shift, seed, ...[mean!, variance!].map(t => [t, state] as const)])
    const wanted = normalised ? { weight: d.weight } : d
    return { calls: tape.calls, found: await runOnce(at, tape, values, wanted) }
  }
  const plain = await biasCalls(false)
  const short = await biasCalls(true)
  const largest = (values: ArrayLike<number>) => Math.max(...Array.from(values, Math.abs))
  expect(largest(plain.found.bias!)).toBeLessThan(1e-5 * largest(plain.found.weight!))
  expect(short.found.weight).toEqual(plain.found.weight)
  expect(short.calls.map(({ kernel }) => kernel.name)).not.toContain('conv3d.backwardBias')
})

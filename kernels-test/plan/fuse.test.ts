import { describe, expect, test } from 'vitest'
import { defaultConfig } from '../../src/config/schema.ts'
import { type Call, GUARANTEED_FACTS } from '../../src/graph/kernel.ts'
import { Tape } from '../../src/graph/tape.ts'
import { bytesOf, type Tensor, tensor } from '../../src/graph/tensor.ts'
import { ModelState } from '../../src/nn/model_state.ts'
import { batchNorm } from '../../src/ops/batch_norm.ts'
import { conv3d } from '../../src/ops/conv3d/conv3d.ts'
import { relu } from '../../src/ops/elementwise.ts'
import { fittingVariants } from '../../src/plan/lower.ts'
import { makePlan, type Plan, slotBytes } from '../../src/plan/plan.ts'
import { batchTensors, recordTraining } from '../../src/run/tapes.ts'
import { sizeOf } from '../../src/util/shape.ts'
import sources, { type Row, record } from '../cases/normalised_source.ts'
import { runOnce, testDevice } from '../harness.ts'
import { normals, randomOf } from '../numbers.ts'

const at = await testDevice()
const normalisePasses = ({ dispatches }: Plan): number =>
  dispatches.filter(({ key }) => key.shader === 'batch_norm/normalise').length

/** A row on fresh tensors. */
function recorded(row: Row) {
  const tape = new Tape()
  const values = new Map<Tensor, Float32Array | Uint32Array>()
  const tensors: Record<string, Tensor> = {}
  for (const [name, { shape, data, kind }] of Object.entries(sources.inputs(row, randomOf(JSON.stringify(row))))) {
    tensors[name] = tensor(name, shape, kind ?? 'input')
    values.set(tensors[name], data)
  }
  return { tape, values, ...record(tape, tensors, row) }
}

describe('a reader that normalises as it loads', () => {
  for (const row of sources.rows as Row[])
    test(`gives the bits of one that reads what was normalised: ${JSON.stringify(row)}`, async () => {
      const facts = { ...at.device.facts, maxBindingBytes: row.limit ?? at.device.facts.maxBindingBytes }
      const { tape, values, normalised, y } = recorded(row)
      const reader = tape.calls.at(-1)!
      for (const { name } of fittingVariants(reader, facts)) {
        const deferred = makePlan('deferred', tape.calls, [y], facts, { choice: () => name })
        expect(normalisePasses(deferred), name).toBe(0)
        expect(deferred.slots.slotOf.has(normalised), name).toBe(false)
        const found = await runOnce(at, tape, values, { y }, facts, name)
        // What the host reads has memory.
        const made = await runOnce(at, tape, values, { y, normalised }, facts, name)
        expect(found.y, name).toEqual(made.y)
      }
    })
})

test('a reader that cannot normalise gets the tensor made for itself alone, before and after others', async () => {
  const tape = new Tape()
  const shape = [2, 3, 4, 4, 4]
  const channel = (name: string, kind: 'parameter' | 'state') => tensor(name, [3], kind)
  const x = tensor('x', shape, 'input')
  const [weight, bias] = [channel('weight', 'parameter'), channel('bias', 'parameter')]
  const [runningMean, runningVar] = [channel('mean', 'state'), channel('variance', 'state')]
  const norm = batchNorm(tape, x, { weight, bias, runningMean, runningVar }, { training: false })
  const first = relu(tape, norm)
  const second = relu(tape, norm)
  const plan = makePlan('test', tape.calls, [first, second], at.device.facts)
  expect(normalisePasses(plan)).toBe(2)
  // one tensor of the volume's size lives beside the two results
  expect(plan.slots.sizes.filter(bytes => bytes === bytesOf(x))).toHaveLength(3)
  const values = new Map([
    [x, normals(randomOf('x'), 384)],
    ...[weight, bias, runningMean, runningVar].map((t, i) => [t, Float32Array.of(1, 2 + i, 3)] as const),
  ])
  const found = await runOnce(at, tape, values, { first, second })
  const made = await runOnce(at, tape, values, { norm, first, second })
  expect(found.first).toEqual(made.first)
  expect(found.second).toEqual(made.first)
  expect(made.first).toEqual(made.norm!.map(value => Math.max(value, 0)))
})

test('a convolution over two normalised inputs gives the same bits, whichever of them it normalises itself', async () => {
  const tape = new Tape()
  const random = randomOf('two')
  const values = new Map<Tensor, Float32Array>()
  const filled = (
    name: string,
    shape: readonly number[],
    kind: 'input' | 'parameter' | 'state',
    data?: Float32Array,
  ) => {
    const t = tensor(name, shape, kind)
    values.set(t, data ?? normals(random, sizeOf(shape)))
    return t
  }
  const normalisedInput = (name: string, channels: number): Tensor => {
    const [weight, bias] = ['weight', 'bias'].map(part => filled(`${name} ${part}`, [channels], 'parameter'))
    const runningMean = filled(`${name} mean`, [channels], 'state')
    const runningVar = filled(`${name} variance`, [channels], 'state', new Float32Array(channels).fill(2))
    const x = filled(name, [2, channels, 3, 6, 5], 'input')
    const parameters = { weight: weight!, bias: bias!, runningMean, runningVar }
    return batchNorm(tape, x, parameters, { training: false }, { relu: true })
  }
  const [first, second] = [normalisedInput('first', 3), normalisedInput('second', 4)]
  const y = conv3d(tape, first, filled('w', [5, 7, 3, 3, 3], 'parameter'), filled('b', [5], 'parameter'), {
    with: second,
  })
  for (const { name } of fittingVariants(tape.calls.at(-1)!, at.device.facts)) {
    const found = await runOnce(at, tape, values, { y }, at.device.facts, name)
    const made = await runOnce(at, tape, values, { y, first, second }, at.device.facts, name)
    expect(found.y, name).toEqual(made.y)
  }
})

/** The training step of the documented model as the targets have it: 13 structures, 64×64×32, two samples. */
function trainingStep(): { calls: readonly Call[]; outputs: Tensor[] } {
  const shape = { structures: 13, size: [64, 64, 32], inChannels: 1, channels: [16, 32, 64, 128, 256] } as const
  const state = new ModelState(shape)
  const names = Array.from({ length: 13 }, (_, s) => `structure_${s}`)
  const { calls, outputs } = recordTraining(state, batchTensors(state, 2), defaultConfig(), names)
  return { calls, outputs: [outputs.terms, outputs.pairs] }
}

describe('the training step', () => {
  const { calls, outputs } = trainingStep()
  const undeferrable = calls.map(call => ({
    ...call,
    kernel: { name: call.kernel.name, variants: call.kernel.variants },
  }))

  test.each([true, false])('keeps no normalised activation and makes none again (software: %s)', software => {
    const plan = makePlan('fused', calls, outputs, { ...GUARANTEED_FACTS, software })
    expect(normalisePasses(plan)).toBe(0)
    const unfused = makePlan('unfused', undeferrable, outputs, { ...GUARANTEED_FACTS, software })
    expect(normalisePasses(unfused)).toBe(calls.filter(({ kernel }) => kernel.defers).length)
    const saved = slotBytes([unfused]) - slotBytes([plan])
    expect(saved).toBeGreaterThan(290e6)
  })
})

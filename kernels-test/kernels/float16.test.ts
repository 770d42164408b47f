import { describe, expect, test } from 'vitest'
import type { AdapterFacts } from '../../src/graph/kernel.ts'
import { Tape } from '../../src/graph/tape.ts'
import { type Precision, type Tensor, tensor } from '../../src/graph/tensor.ts'
import { cast } from '../../src/ops/cast.ts'
import { conv3d } from '../../src/ops/conv3d/conv3d.ts'
import { linear } from '../../src/ops/linear.ts'
import { fittingVariants, lower } from '../../src/plan/lower.ts'
import { fromFloat16, toFloat16 } from '../../src/util/float16.ts'
import type { Case, CaseInput } from '../case.ts'
import { cases } from '../cases/index.ts'
import { doubles, runOnce, testDevice } from '../harness.ts'
import { normals, randomOf, relativeError } from '../numbers.ts'

const at = await testDevice()
const missing = at.device.facts.features.has('shader-f16') ? false : 'the adapter has no shader-f16'

/**
 * Two units in the last of f16's 11 bits. What is stored is off by half of one, or of the smallest f16 where it is tiny; a sum over
 * several dispatches, of a convolution cut to fit a binding, is rounded after each.
 */
const TOLERANCE = 2 ** -9

const operations = cases.filter(({ activations }) => activations)

interface Recorded {
  tape: Tape
  values: Map<Tensor, Float32Array | Uint32Array>
  /** outputs, and gradients as d(name) */
  wanted: Record<string, Tensor>
}

/** A row forward and backward with its activations stored as `precision`; what is read of it is f32. */
function record(operation: Case, row: object, given: Record<string, CaseInput>, precision: Precision): Recorded {
  const tape = new Tape()
  const values: Recorded['values'] = new Map()
  const wanted: Recorded['wanted'] = {}
  const inputs: Record<string, Tensor> = {}
  for (const [name, { shape, data, kind, gradient }] of Object.entries(given)) {
    const leaf = tensor(name, shape, kind ?? 'input', data instanceof Uint32Array ? 'u32' : 'f32')
    values.set(leaf, data)
    if (gradient) {
      wanted[`d(${name})`] = tensor(`d(${name})`, shape, 'temporary')
      tape.watch(leaf, wanted[`d(${name})`]!)
    }
    inputs[name] = operation.activations!.includes(name) ? cast(tape, leaf, precision) : leaf
  }
  for (const [name, output] of Object.entries(operation.build(tape, inputs, row)))
    wanted[name] = output.dtype === 'u32' ? output : cast(tape, output, 'f32')
  const output = wanted[operation.differentiates ?? Object.keys(wanted).find(name => !name.startsWith('d('))!]!
  const seed = tensor('cotangent', output.shape, 'input')
  const cotangent = normals(
    randomOf('cotangent'),
    output.shape.reduce((product, axis) => product * axis, 1),
  )
  values.set(seed, asFloat16(cotangent))
  tape.differentiate(output, seed)
  return { tape, values, wanted }
}

function asFloat16(values: Float32Array | Uint32Array): Float32Array {
  return fromFloat16(toFloat16(values)).subarray(0, values.length)
}

/** Inputs that f16 holds exactly, so that only what the operation stores is rounded. */
function rounded(operation: Case, inputs: Record<string, CaseInput>): Record<string, CaseInput> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, input]) => [
      name,
      operation.activations!.includes(name) ? { ...input, data: asFloat16(input.data) } : input,
    ]),
  )
}

/** Every row, every variant: outputs against the reference, gradients against those of f32 activations, which have their own test. */
describe.skipIf(missing)('activations stored as f16', () => {
  for (const operation of operations) {
    test.each(operation.rows.map(row => [JSON.stringify(row), row]))(`${operation.operation} %s`, async (name, row) => {
      const inputs = rounded(operation, operation.inputs(row, randomOf(name)))
      const f32: AdapterFacts = {
        ...at.device.facts,
        maxBindingBytes: operation.limit?.(row) ?? at.device.facts.maxBindingBytes,
      }
      const full = record(operation, row, inputs, 'f32')
      const expected = await runOnce(at, full.tape, full.values, full.wanted, f32)
      Object.assign(expected, operation.reference(doubles(inputs), row))
      const half = record(operation, row, inputs, 'f16')
      const facts: AdapterFacts = { ...f32, precision: 'f16' }
      const several = half.tape.calls.filter(({ kernel }) => kernel.variants.length > 1)
      const variants = new Set(several.flatMap(call => fittingVariants(call, facts).map(({ name }) => name)))
      for (const variant of [undefined, ...variants]) {
        const actual = await runOnce(at, half.tape, half.values, half.wanted, facts, variant)
        for (const [output, values] of Object.entries(actual))
          expect(relativeError(values, expected[output]!), `${output} ${variant ?? ''}`).toBeLessThanOrEqual(TOLERANCE)
      }
    })
  }
})

test('activations of one kernel that are stored differently are refused, and so is f16 where a shader reads f32', () => {
  const facts = { ...at.device.facts, software: false }
  const x = tensor('x', [1, 16, 4, 4, 4], 'input', 'f16')
  const mixed = new Tape()
  conv3d(mixed, x, tensor('w', [8, 17, 3, 3, 3], 'parameter'), tensor('b', [8], 'parameter'), {
    with: tensor('ones', [1, 1, 4, 4, 4], 'input'),
  })
  expect(() => lower(mixed.calls, facts)).toThrow(/activations of conv3d\/\w+ .*floating-point type/)
  const narrow = new Tape()
  const vector = tensor('x', [1, 16], 'input', 'f16')
  linear(narrow, vector, tensor('w', [8, 16], 'parameter'), tensor('b', [8], 'parameter'))
  expect(() => lower(narrow.calls, facts)).toThrow(/binding x of linear is "f16", expected a tensor of 4-byte/)
})

import { Tape } from '../../src/graph/tape.ts'
import { type Precision, type Tensor, tensor } from '../../src/graph/tensor.ts'
import type { Conv3dRow } from '../operations/conv3d.ts'
import { normals, randomOf, relativeError } from './numbers.ts'
import type { Operation, OperationInput, Random } from './operation.ts'
import type { Prepared, Recorded } from './prepared.ts'
import type { Row } from './rows.ts'
import { checkConv3d } from './sampled_conv3d.ts'

/** The check of a result before timing; errors are relative to the largest magnitude. */
export interface Verified {
  against: string
  error: number
  allowed: number
}

/** Random numbers for large inputs: a repeating table of normal numbers of prime length. */
function quickRandom(name: string): Random {
  const random = randomOf(name)
  const table = normals(random, 65_521)
  let at = 0
  const normal = (): number => {
    at = (at + 1) % table.length
    return table[at]!
  }
  return { ...random, normal }
}

export interface Recording extends Recorded {
  inputs: Record<string, OperationInput>
  outputs: readonly Tensor[]
  names: readonly string[]
  cotangent?: Float32Array
  calls: Tape['calls']
}

/** Records a row's pass. A backward pass omits the forward calls that it does not need. */
export function record({ operation, row, pass, from, label }: Row, precision: Precision): Recording {
  const random = from === 'test' ? randomOf(label) : quickRandom(label)
  const tape = new Tape()
  const inputs = operation.inputs(row, random)
  const values = new Map<Tensor, Float32Array | Uint32Array>()
  const tensors: Record<string, Tensor> = {}
  for (const [name, { shape, data, kind }] of Object.entries(inputs)) {
    const floats = operation.activations?.includes(name) ? precision : 'f32'
    tensors[name] = tensor(name, shape, kind ?? 'input', data instanceof Uint32Array ? 'u32' : floats)
    values.set(tensors[name], data)
  }
  const targets = pass === 'forward' ? {} : watch(tape, pass, inputs, tensors)
  const results = operation.build(tape, tensors, row)
  const base = { name: operation.operation, calls: tape.calls, values, inputs }
  if (pass === 'forward') return { ...base, outputs: Object.values(results), names: Object.keys(results) }
  const output = results[operation.differentiates ?? Object.keys(results)[0]!]!
  const seed = tensor('cotangent', output.shape, 'input', output.dtype)
  const cotangent = Float32Array.from({ length: seed.shape.reduce((a, b) => a * b, 1) }, () => random.normal())
  values.set(seed, cotangent)
  tape.differentiate(output, seed)
  const wanted = pass === 'forward + backward' ? { ...results, ...targets } : targets
  return { ...base, cotangent, outputs: Object.values(wanted), names: Object.keys(wanted) }
}

function watch(
  tape: Tape,
  pass: Row['pass'],
  inputs: Record<string, OperationInput>,
  tensors: Record<string, Tensor>,
): Record<string, Tensor> {
  const targets: Record<string, Tensor> = {}
  for (const [name, { shape, gradient }] of Object.entries(inputs)) {
    const isAsked =
      pass === 'backward data'
        ? name === 'x' || name === 'second'
        : pass === 'backward weight'
          ? name === 'weight'
          : true
    if (!gradient || !isAsked) continue
    targets[`d(${name})`] = tensor(`d(${name})`, shape, 'temporary', tensors[name]!.dtype)
    tape.watch(tensors[name]!, targets[`d(${name})`]!)
  }
  return targets
}

/** Runs these variants once and checks the results against float64. Throws WrongResult, so that incorrect variants are not timed. */
export async function verify(
  row: Row,
  recording: Recording,
  prepared: Prepared,
  { precision, variants }: { precision: Precision; variants: readonly string[] },
): Promise<Verified> {
  prepared.runner.submit()
  const actual: Record<string, Float32Array | Uint32Array> = {}
  for (const [i, t] of recording.outputs.entries()) actual[recording.names[i]!] = await prepared.read(t)
  const { error, allowed: exact, against } = compare(row, recording, actual)
  const rounding = variants.map(name => row.operation.tolerances?.[name] ?? 0)
  const allowed = Math.max(exact, precision === 'f16' ? HALF_TOLERANCE : 0, ...rounding)
  if (!(error <= allowed)) throw new WrongResult(`error ${error} against ${against}, expected at most ${allowed}`)
  return { against, error, allowed }
}

/** A kernel with a wrong result. */
export class WrongResult extends Error {
  override name = 'WrongResult'
}

/** f16 has 11 bits, and both inputs and outputs are rounded. */
const HALF_TOLERANCE = 2 ** -8

function compare(
  { operation, row, pass, from, label }: Row,
  { inputs, cotangent }: Recording,
  actual: Record<string, Float32Array | Uint32Array>,
): Verified {
  if (operation.operation === 'conv3d' && from !== 'test' && pass !== 'forward + backward') {
    const given = cotangent ? { inputs, cotangent } : { inputs }
    const checks = Object.values(actual).map((result, source) =>
      checkConv3d({ pass, source }, row as Conv3dRow, given, result, randomOf(label)),
    )
    const [{ allowed }] = checks as [(typeof checks)[number]]
    return { against: 'float64 at random elements', error: Math.max(...checks.map(({ error }) => error)), allowed }
  }
  const doubles = Object.entries(inputs).map(([name, { data }]) => [name, Float64Array.from(data)] as const)
  const expected = operation.reference(Object.fromEntries(doubles), row)
  const errors = Object.entries(expected).map(([name, values]) => relativeError(actual[name]!, values))
  const against = pass === 'forward' ? 'the reference' : 'the reference, forward results only'
  return { against, error: Math.max(...errors), allowed: toleranceOf(operation, from) }
}

/** Sums over large volumes have larger rounding errors than the tests' rows. */
function toleranceOf({ tolerance = 1e-5 }: Operation, from: string): number {
  return from === 'test' ? tolerance : Math.max(tolerance, 1e-4)
}

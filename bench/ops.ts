import type { CaseInput, Random } from '../kernels-test/case.ts'
import { normals, randomOf, relativeError } from '../kernels-test/numbers.ts'
import { defaultConfig } from '../src/config/schema.ts'
import { Device } from '../src/gpu/device.ts'
import { Pipelines } from '../src/gpu/pipelines.ts'
import { Tape } from '../src/graph/tape.ts'
import { type Tensor, tensor } from '../src/graph/tensor.ts'
import type { Choice } from '../src/plan/lower.ts'
import { knownChoice } from '../src/train/variants.ts'
import type { Clock, Timing } from './clock.ts'
import { measurePeaks, type Peaks } from './peaks.ts'
import { boundBytes, type Gpu, Prepared, type Recorded } from './prepared.ts'
import { benchRows, type Row } from './rows.ts'
import { type Conv3dRow, checkConv3d } from './sampled_conv3d.ts'
import { callsOf, chosenVariants } from './variants.ts'

export interface OpsRequest {
  adapter?: string
  /** words that a row's label must have */
  filter?: string
  /** each row is repeated for so long at least */
  seconds: number
  /** told of every row that is done */
  onRow?: (line: OpsLine) => void
  warn(line: string): void
}

/** One measured row. */
export interface OpsLine extends Timing {
  label: string
  operation: string
  pass: string
  /** the layer of the step, or 'test' */
  from: string
  row: object
  /** multiply-adds · 2; 0 where memory is what counts */
  flops: number
  /** moved at least */
  bytes: number
  gflops: number
  gbytes: number
  /** of the measured multiply-add peak; of the measured copy bandwidth where flops is 0 */
  share: number
  dispatches: number
  variants: Record<string, string>
  /** what the result was held to before it was timed; errors are shares of the largest magnitude */
  verified: { against: string; error: number; allowed: number }
}

export interface OpsReport {
  adapter: string
  clock: string
  peak_gflops: number
  /** of a kernel: what shares are taken of */
  copy_gbytes: number
  /** of the adapter's own buffer copy */
  buffer_copy_gbytes: number
  rows: OpsLine[]
  skipped: { label: string; reason: string }[]
}

/** Long enough to catch an adapter undisturbed. */
const PEAK_SECONDS = 0.3

/** Numbers for inputs too large to draw one by one: a table of normal numbers, over and over; its length is a prime. */
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

interface Recording extends Recorded {
  inputs: Record<string, CaseInput>
  outputs: readonly Tensor[]
  names: readonly string[]
  cotangent?: Float32Array
  calls: Tape['calls']
}

/** Records a row's pass. A backward pass alone leaves the forward out where its results are not needed. */
function record({ test, row, pass }: Row, random: Random): Recording {
  const tape = new Tape()
  const inputs = test.inputs(row, random)
  const values = new Map<Tensor, Float32Array | Uint32Array>()
  const tensors: Record<string, Tensor> = {}
  for (const [name, { shape, data, kind }] of Object.entries(inputs)) {
    tensors[name] = tensor(name, shape, kind ?? 'input', data instanceof Uint32Array ? 'u32' : 'f32')
    values.set(tensors[name], data)
  }
  const targets = pass === 'forward' ? {} : watch(tape, pass, inputs, tensors)
  const results = test.build(tape, tensors, row)
  const base = { name: test.operation, calls: tape.calls, values, inputs }
  if (pass === 'forward') return { ...base, outputs: Object.values(results), names: Object.keys(results) }
  const output = results[test.differentiates ?? Object.keys(results)[0]!]!
  const seed = tensor('cotangent', output.shape, 'input')
  const cotangent = Float32Array.from({ length: seed.shape.reduce((a, b) => a * b, 1) }, () => random.normal())
  values.set(seed, cotangent)
  tape.differentiate(output, seed)
  const wanted = pass === 'forward + backward' ? { ...results, ...targets } : targets
  return { ...base, cotangent, outputs: Object.values(wanted), names: Object.keys(wanted) }
}

function watch(
  tape: Tape,
  pass: Row['pass'],
  inputs: Record<string, CaseInput>,
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
    targets[`d(${name})`] = tensor(`d(${name})`, shape, 'temporary')
    tape.watch(tensors[name]!, targets[`d(${name})`]!)
  }
  return targets
}

/** Runs once and holds the results to float64. Throws when they are wrong: what computes wrongly is not timed. */
async function verify(row: Row, recording: Recording, prepared: Prepared): Promise<OpsLine['verified']> {
  prepared.runner.submit()
  const actual: Record<string, Float32Array | Uint32Array> = {}
  for (const [i, t] of recording.outputs.entries()) actual[recording.names[i]!] = await prepared.read(t)
  const verified = compare(row, recording, actual)
  const { error, allowed, against } = verified
  if (!(error <= allowed))
    throw new Error(`${row.label}: is off by ${error}, ${allowed} is allowed, against ${against}`)
  return verified
}

function compare(
  { test, row, pass, from, label }: Row,
  { inputs, cotangent }: Recording,
  actual: Record<string, Float32Array | Uint32Array>,
): OpsLine['verified'] {
  if (test.operation === 'conv3d' && from !== 'test' && pass !== 'forward + backward') {
    const given = cotangent ? { inputs, cotangent } : { inputs }
    const checks = Object.values(actual).map((result, source) =>
      checkConv3d({ pass, source }, row as Conv3dRow, given, result, randomOf(label)),
    )
    const [{ allowed }] = checks as [(typeof checks)[number]]
    return { against: 'float64 at random elements', error: Math.max(...checks.map(({ error }) => error)), allowed }
  }
  const doubles = Object.entries(inputs).map(([name, { data }]) => [name, Float64Array.from(data)] as const)
  const expected = test.reference(Object.fromEntries(doubles), row)
  const errors = Object.entries(expected).map(([name, values]) => relativeError(actual[name]!, values))
  const against = pass === 'forward' ? 'the reference' : 'the reference, forward results only'
  return { against, error: Math.max(...errors), allowed: test.tolerance ?? toleranceOf(from) }
}

/** Sums over a large volume round more than those of the tests. */
function toleranceOf(from: string): number {
  return from === 'test' ? 1e-5 : 1e-4
}

async function measureRow(
  gpu: Gpu & { choice: Choice },
  clock: Clock,
  peaks: Peaks,
  row: Row,
  seconds: number,
): Promise<OpsLine> {
  const { choice } = gpu
  const recording = record(row, row.from === 'test' ? randomOf(row.label) : quickRandom(row.label))
  const limit = row.test.limit?.(row.row)
  const facts = limit === undefined ? gpu.device.facts : { ...gpu.device.facts, maxBindingBytes: limit }
  const prepared = await Prepared.make(gpu, { ...recording, facts, choice })
  try {
    const verified = await verify(row, recording, prepared)
    const timing = await clock.time(prepared.runner, seconds)
    const forward = row.pass === 'forward'
    const flops = row.test.flops(row.row) * (row.pass === 'forward + backward' ? 3 : 1)
    const bytes = forward ? row.test.bytes(row.row) : boundBytes(prepared.plan)
    const [rate, traffic] = [flops / timing.seconds, bytes / timing.seconds]
    return {
      label: row.label,
      operation: row.test.operation,
      pass: row.pass,
      from: row.from,
      row: row.row,
      ...timing,
      flops,
      bytes,
      gflops: rate / 1e9,
      gbytes: traffic / 1e9,
      share: flops > 0 ? rate / peaks.flops : traffic / peaks.bytes,
      dispatches: prepared.plan.dispatches.length,
      variants: chosenVariants(callsOf(prepared.plan, recording.calls), facts, choice),
      verified,
    }
  } finally {
    prepared.destroy()
  }
}

/** Measures the adapter's peaks, then verifies and times every row. Throws InputError when the filter leaves none. */
export async function benchOps(request: OpsRequest): Promise<OpsReport> {
  const rows = await benchRows(request.filter)
  const device = await Device.open(request.adapter)
  try {
    const gpu = { device, pipelines: new Pipelines(device) }
    const { clock, peaks } = await measurePeaks(gpu, Math.max(request.seconds, PEAK_SECONDS))
    const choice = knownChoice(device, defaultConfig(), request.warn)
    const lines: OpsLine[] = []
    const skipped: OpsReport['skipped'] = []
    for (const row of rows) {
      const reason = row.test.skip?.(row.row, device.facts)
      if (reason) {
        skipped.push({ label: row.label, reason })
        continue
      }
      const line = await measureRow({ ...gpu, choice }, clock, peaks, row, request.seconds)
      lines.push(line)
      request.onRow?.(line)
    }
    return {
      adapter: device.name,
      clock: clock.source,
      peak_gflops: peaks.flops / 1e9,
      copy_gbytes: peaks.bytes / 1e9,
      buffer_copy_gbytes: peaks.bufferCopy / 1e9,
      rows: lines,
      skipped,
    }
  } finally {
    device.close()
  }
}

import { Device } from '../src/gpu/device.ts'
import { Pipelines } from '../src/gpu/pipelines.ts'
import type { AdapterFacts } from '../src/graph/kernel.ts'
import { Tape } from '../src/graph/tape.ts'
import { type Tensor, tensor } from '../src/graph/tensor.ts'
import { makePlan, type Plan } from '../src/plan/plan.ts'
import { Runner, SlotPool } from '../src/plan/runner.ts'
import { Storage } from '../src/plan/storage.ts'
import type { Case, CaseInput } from './case.ts'

export interface TestDevice {
  device: Device
  pipelines: Pipelines
}

let opened: Promise<TestDevice> | undefined

/** The adapter under test, opened once per process: SADAAN_ADAPTER names it, the best one if unset. */
export function testDevice(): Promise<TestDevice> {
  opened ??= Device.open(process.env.SADAAN_ADAPTER).then(device => ({ device, pipelines: new Pipelines(device) }))
  return opened
}

/** Runs recorded calls once on poisoned memory and returns the named tensors' values (u32 as words). */
export async function runOnce(
  { device, pipelines }: TestDevice,
  tape: Tape,
  values: ReadonlyMap<Tensor, Float32Array | Uint32Array>,
  wanted: Record<string, Tensor>,
  facts: AdapterFacts = device.facts,
): Promise<Record<string, Float32Array | Uint32Array>> {
  const storage = new Storage(device)
  for (const [t, data] of values) {
    storage.addTensor(t)
    storage.write(t, data)
  }
  const plan: Plan = makePlan('test', tape.calls, Object.values(wanted), facts)
  const pool = await SlotPool.allocate(device, [plan])
  pool.poison()
  const runner = await Runner.prepare(device, pipelines, storage, pool, plan)
  runner.submit()
  const results: Record<string, Float32Array | Uint32Array> = {}
  for (const [name, t] of Object.entries(wanted)) {
    const values = await runner.read(t)
    results[name] = t.dtype === 'u32' ? new Uint32Array(values.buffer) : values
  }
  pool.destroy()
  storage.destroy()
  return results
}

/** A fresh tape, and a tensor with values for every input. */
function record(inputs: Record<string, CaseInput>) {
  const tape = new Tape()
  const values = new Map<Tensor, Float32Array | Uint32Array>()
  const tensors: Record<string, Tensor> = {}
  for (const [name, { shape, data, kind }] of Object.entries(inputs)) {
    const t = tensor(name, shape, kind ?? 'input', data instanceof Uint32Array ? 'u32' : 'f32')
    tensors[name] = t
    values.set(t, data)
  }
  return { tape, values, tensors }
}

/** The forward pass of a row: what the GPU gives, and what the reference gives. */
export async function forward<Row extends object>(
  at: TestDevice,
  test: Case<Row>,
  row: Row,
  inputs: Record<string, CaseInput>,
) {
  const { tape, values, tensors } = record(inputs)
  const outputs = test.build(tape, tensors, row)
  const actual = await runOnce(at, tape, values, outputs, factsOf(at, test, row))
  return { actual, expected: test.reference(doubles(inputs), row) }
}

function factsOf<Row extends object>({ device }: TestDevice, test: Case<Row>, row: Row): AdapterFacts {
  return { ...device.facts, maxBindingBytes: test.limit?.(row) ?? device.facts.maxBindingBytes }
}

export function doubles(inputs: Record<string, CaseInput>): Record<string, Float64Array> {
  return Object.fromEntries(Object.entries(inputs).map(([name, { data }]) => [name, Float64Array.from(data)]))
}

/**
 * Gradients of Σ cotangent · output with respect to every input that wants one: into fresh poisoned memory, or, where `onto` has
 * values, added to those.
 */
export async function gradients<Row extends object>(
  at: TestDevice,
  test: Case<Row>,
  row: Row,
  inputs: Record<string, CaseInput>,
  cotangent: Float32Array,
  onto?: Record<string, Float32Array>,
): Promise<Record<string, Float32Array>> {
  const { tape, values, tensors } = record(inputs)
  const targets: Record<string, Tensor> = {}
  for (const [name, input] of Object.entries(inputs)) {
    if (!input.gradient) continue
    const target = tensor(`d(${name})`, input.shape, onto ? 'gradient' : 'temporary')
    targets[name] = target
    if (onto) values.set(target, onto[name]!)
    tape.watch(tensors[name]!, target)
  }
  const outputs = test.build(tape, tensors, row)
  const output = outputs[test.differentiates ?? Object.keys(outputs)[0]!]!
  const seed = tensor('cotangent', output.shape, 'input')
  values.set(seed, cotangent)
  tape.differentiate(output, seed)
  return (await runOnce(at, tape, values, targets, factsOf(at, test, row))) as Record<string, Float32Array>
}

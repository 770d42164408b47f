import { Device } from '../src/gpu/device.ts'
import { Pipelines } from '../src/gpu/pipelines.ts'
import type { AdapterFacts, Call } from '../src/graph/kernel.ts'
import { Tape } from '../src/graph/tape.ts'
import { type Tensor, tensor } from '../src/graph/tensor.ts'
import { fittingVariants } from '../src/plan/lower.ts'
import { makePlan, type Plan } from '../src/plan/plan.ts'
import { Runner, SlotPool } from '../src/plan/runner.ts'
import { Storage } from '../src/plan/storage.ts'
import type { Case, CaseInput, Random } from './case.ts'
import { keepPipelines } from './one_device.ts'

export interface TestDevice {
  device: Device
  pipelines: Pipelines
}

let opened: Promise<TestDevice> | undefined

/** The adapter under test, opened once per process: SADAAN_ADAPTER names it, the best one if unset. */
export function testDevice(): Promise<TestDevice> {
  opened ??= Device.open(process.env.SADAAN_ADAPTER).then(device => {
    keepPipelines(device)
    return { device, pipelines: new Pipelines(device) }
  })
  return opened
}

/** Runs recorded calls once on poisoned memory and returns the named tensors' values (u32 as words). */
export async function runOnce(
  { device, pipelines }: TestDevice,
  tape: Tape,
  values: ReadonlyMap<Tensor, Float32Array | Uint32Array>,
  wanted: Record<string, Tensor>,
  facts: AdapterFacts = device.facts,
  variant?: string,
): Promise<Record<string, Float32Array | Uint32Array>> {
  const storage = new Storage(device)
  for (const [t, data] of values) {
    storage.addTensor(t)
    storage.write(t, data)
  }
  const plan: Plan = makePlan('test', tape.calls, Object.values(wanted), facts, { choice: () => variant })
  const pool = await SlotPool.allocate(device, [plan])
  pool.poison()
  const runner = await Runner.prepare(plan, { device, pipelines, storage, pool })
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

/** A row, forward and backward, recorded as a model would. */
export function callsOf(test: Case, row: object, random: Random): Call[] {
  const inputs = test.inputs(row, random)
  const { tape, tensors } = record(inputs)
  for (const [name, { gradient, shape }] of Object.entries(inputs))
    if (gradient) tape.watch(tensors[name]!, tensor(`d(${name})`, shape, 'temporary'))
  const outputs = test.build(tape, tensors, row)
  const output = outputs[test.differentiates ?? Object.keys(outputs)[0]!]!
  tape.differentiate(output, tensor('cotangent', output.shape, 'input'))
  return tape.calls
}

/** The variants that a row can be told to run as on this adapter, where its kernels have several. */
export function variantsOf(at: TestDevice, test: Case, row: object, random: Random): string[] {
  return [...new Set(choicesOf(at, test, row, random).map(({ variant }) => variant))]
}

const met = new Set<string>()

/** As `variantsOf`, without those that an earlier row of this test file has run all its kernels as. */
export function newVariantsOf(at: TestDevice, test: Case, row: object, random: Random): string[] {
  const choices = choicesOf(at, test, row, random)
  const variants = new Set(choices.filter(({ name }) => !met.has(name)).map(({ variant }) => variant))
  for (const { name } of choices) met.add(name)
  return [...variants]
}

function choicesOf(at: TestDevice, test: Case, row: object, random: Random): { name: string; variant: string }[] {
  const facts = factsOf(at, test, row)
  const several = callsOf(test, row, random).filter(({ kernel }) => kernel.variants.length > 1)
  return several.flatMap(call =>
    fittingVariants(call, facts).map(({ name }) => ({ name: `${call.kernel.name} ${name}`, variant: name })),
  )
}

/** The forward pass of a row on the GPU, its kernels run as `variant` where they have it. */
export function forward<Row extends object>(
  at: TestDevice,
  test: Case<Row>,
  row: Row,
  inputs: Record<string, CaseInput>,
  variant?: string,
): Promise<Record<string, Float32Array | Uint32Array>> {
  const { tape, values, tensors } = record(inputs)
  return runOnce(at, tape, values, test.build(tape, tensors, row), factsOf(at, test, row), variant)
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
  { onto, variant }: { onto?: Record<string, Float32Array>; variant?: string } = {},
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
  return (await runOnce(at, tape, values, targets, factsOf(at, test, row), variant)) as Record<string, Float32Array>
}

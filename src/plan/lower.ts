import { entryFacts, type PipelineKey } from '../gpu/pipelines.ts'
import type { AdapterFacts, Call, Dispatch, Kernel, Variant } from '../graph/kernel.ts'
import { bytesFor, type DType, type Precision, type Tensor, tensor, type Window } from '../graph/tensor.ts'
import { fold, MAX_WORKGROUPS } from '../graph/workgroups.ts'
import { ContractError } from '../util/error.ts'
import type { EntryFacts } from '../wgsl/reflect.ts'
import { Deferrals } from './fuse.ts'

export interface Bound {
  binding: number
  name: string
  writes: boolean
  tensor: Tensor
  /** elements */
  offset: number
  /** elements */
  length: number
}

/** A dispatch with everything resolved except its tensors' memory. */
export interface Lowered {
  label: string
  key: PipelineKey
  facts: EntryFacts
  bound: Bound[]
  /** contents and binding of the uniform `params`; undefined if the entry point uses none */
  params?: { binding: number; data: ArrayBuffer }
  workgroups: [number, number, number]
  flops: number
}

/** Names the variant for a call; undefined applies the variants' own rules. */
export type Choice = (call: Call) => string | undefined

/** Chooses a variant for every call and lowers it to dispatches. Skips the calls in `deferrals`: their readers do the work. */
export function lower(
  calls: readonly Call[],
  facts: AdapterFacts,
  choice: Choice = () => undefined,
  deferrals = new Deferrals([], []),
): Lowered[] {
  const at = { facts, choice, deferrals }
  return calls.filter(call => !deferrals.has(call)).flatMap(call => lowerCall(call, at))
}

function lowerCall(call: Call, at: { facts: AdapterFacts; choice: Choice; deferrals: Deferrals }): Lowered[] {
  const { facts, choice, deferrals } = at
  const variant = chooseVariant(call, facts, choice(call))
  const scratch = (name: string, shape: readonly number[], dtype?: DType): Tensor =>
    tensor(`${call.label} ${name}`, shape, 'temporary', dtype)
  const dispatches = variant
    .lower(call.args, { facts, scratch, source: t => deferrals.source(t) })
    .map(dispatch => resolve(call.label, dispatch, facts))
  // If the variant binds a deferred result directly, materialise it for this call.
  const copies = new Map<Tensor, Tensor>()
  const makers = new Set<Call>()
  for (const { tensor: t } of dispatches.flatMap(({ bound }) => bound)) {
    const maker = deferrals.makerOf(t)
    if (!maker || maker === call) continue
    makers.add(maker)
    copies.set(t, scratch(t.name, t.shape, t.dtype))
  }
  if (makers.size === 0) return dispatches
  return [...[...makers].flatMap(maker => lowerCall(maker, at)), ...dispatches].map(each => rebind(each, copies))
}

function rebind(dispatch: Lowered, copies: ReadonlyMap<Tensor, Tensor>): Lowered {
  return {
    ...dispatch,
    bound: dispatch.bound.map(bound => ({ ...bound, tensor: copies.get(bound.tensor) ?? bound.tensor })),
  }
}

/** The variants that can run a call on this adapter. */
export function fittingVariants({ kernel, args }: Call, facts: AdapterFacts): Variant<unknown>[] {
  return kernel.variants.filter(variant => variant.fits?.(args, facts) ?? true)
}

/** The wanted variant if it fits, otherwise the first that fits and suits. Throws ContractError if there is none. */
export function chooseVariant(call: Call, facts: AdapterFacts, wanted?: string): Variant<unknown> {
  const { kernel, args, label } = call
  const fitting = fittingVariants(call, facts)
  const variant =
    fitting.find(({ name }) => name === wanted) ?? fitting.find(({ suits }) => suits?.(args, facts) ?? true)
  if (!variant)
    throw new ContractError(label, 'adapter', kernelNames(kernel), 'one that can run a variant of this kernel')
  return variant
}

function kernelNames(kernel: Kernel<unknown>): string[] {
  return kernel.variants.map(({ name }) => name)
}

function resolve(label: string, asked: Dispatch, adapter: AdapterFacts): Lowered {
  const dispatch = normalising(asked)
  const { shader, entry = 'main', constants = {}, normalisation } = dispatch
  const key = { shader, entry, constants, normalised: normalisation !== undefined }
  const facts = entryFacts(key)
  const bound = resolveBindings(label, dispatch, facts, adapter)
  const activation = activationOf(label, dispatch.shader, facts, bound)
  const params = packParams(label, dispatch, facts)
  const lowered = {
    label,
    key: { ...key, activation },
    facts,
    bound,
    workgroups: workgroupsOf(label, dispatch, facts),
    flops: dispatch.flops ?? 0,
  }
  return params ? { ...lowered, params } : lowered
}

/** Adds what lib/source_normalised needs. */
function normalising(dispatch: Dispatch): Dispatch {
  const { normalisation, bindings, constants } = dispatch
  if (!normalisation) return dispatch
  return {
    ...dispatch,
    bindings: { ...bindings, source_coefficients: normalisation.coefficients },
    constants: { ...constants, SOURCE_RELU: Number(normalisation.relu) },
  }
}

function resolveBindings(label: string, dispatch: Dispatch, facts: EntryFacts, adapter: AdapterFacts): Bound[] {
  const given = new Set(Object.keys(dispatch.bindings))
  const bound = facts.bindings
    .filter(({ access }) => access !== 'uniform')
    .map(({ name, binding, access }) => {
      const value = dispatch.bindings[name]
      if (!value) throw new ContractError(label, `binding ${name} of ${dispatch.shader}`, undefined, 'a tensor')
      given.delete(name)
      const window = 'tensor' in value ? value : wholeOf(value)
      const bytes = bytesFor(window.length, window.tensor.dtype)
      if (bytes > adapter.maxBindingBytes)
        throw new ContractError(
          label,
          `bytes of ${name}`,
          bytes,
          `at most the binding limit of ${adapter.maxBindingBytes}`,
        )
      return { binding, name, writes: access === 'read_write', ...window }
    })
  if (given.size)
    throw new ContractError(label, `binding of ${dispatch.shader}`, [...given], 'names that the entry point uses')
  return bound
}

/** The storage type of the shader's activations. They must all have the same type, and no other array may be f16. */
function activationOf(label: string, shader: string, facts: EntryFacts, bound: readonly Bound[]): Precision {
  const elementOf = new Map(facts.bindings.map(({ name, element }) => [name, element]))
  const found = new Map<DType, string>()
  for (const { name, tensor } of bound) {
    const element = elementOf.get(name)
    if (element === 'activation') found.set(tensor.dtype, name)
    else if (tensor.dtype === 'f16' && element !== 'f16')
      throw new ContractError(label, `binding ${name} of ${shader}`, 'f16', 'a tensor of 4-byte elements')
  }
  if (found.has('u32') || found.size > 1)
    throw new ContractError(label, `activations of ${shader}`, [...found], 'tensors of one floating-point type')
  return found.has('f16') ? 'f16' : 'f32'
}

function wholeOf(t: Tensor): Window {
  return { tensor: t, offset: 0, length: t.shape.reduce((product, axis) => product * axis, 1) }
}

function packParams(label: string, dispatch: Dispatch, facts: EntryFacts): Lowered['params'] {
  const given = new Set(Object.keys(dispatch.params ?? {}))
  if (!facts.params) {
    if (given.size)
      throw new ContractError(label, `params of ${dispatch.shader}`, [...given], 'none: the entry point uses no params')
    return undefined
  }
  const data = new ArrayBuffer(facts.params.bytes)
  const view = new DataView(data)
  for (const [name, field] of facts.params.fields) {
    const value = dispatch.params?.[name]
    if (value === undefined)
      throw new ContractError(label, `params.${name} of ${dispatch.shader}`, undefined, 'a number')
    given.delete(name)
    const numbers = typeof value === 'number' ? [value] : value
    numbers.forEach((number, i) => {
      if (field.scalar === 'f32') view.setFloat32(field.offset + 4 * i, number, true)
      else if (field.scalar === 'i32') view.setInt32(field.offset + 4 * i, number, true)
      else view.setUint32(field.offset + 4 * i, number, true)
    })
  }
  if (given.size) throw new ContractError(label, `params of ${dispatch.shader}`, [...given], 'names of its struct')
  return { binding: facts.bindings.find(({ access }) => access === 'uniform')!.binding, data }
}

function workgroupsOf(label: string, dispatch: Dispatch, facts: EntryFacts): [number, number, number] {
  if (dispatch.workgroups) {
    if (dispatch.workgroups.some(axis => axis > MAX_WORKGROUPS || axis < 1))
      throw new ContractError(label, 'workgroups', dispatch.workgroups, `1 to ${MAX_WORKGROUPS} an axis`)
    return [...dispatch.workgroups]
  }
  if (dispatch.invocations === undefined) throw new ContractError(label, 'work', undefined, 'invocations or workgroups')
  const [x, y, z] = facts.workgroupSize
  return [...fold(Math.ceil(dispatch.invocations / (x * y * z))), 1]
}

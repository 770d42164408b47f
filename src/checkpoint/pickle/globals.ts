import { sizeOf } from '../../util/shape.ts'
import { checkTypeState, NumpyType, rebuildBytes, rebuildScalar, rebuildType } from './numpy.ts'
import { type ElementType, elementBytes, gather, type Storage } from './torch_tensor.ts'
import { isTensor, OrderedDict, type RebuildContext, tupleOf } from './value.ts'

/** A name that the pickle refers to. Nothing is imported or run; the functions below emulate the few names we allow. */
export class Global {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

/** torch's storage classes and their element types. */
export const storageTypes: Readonly<Record<string, ElementType>> = {
  'torch.FloatStorage': 'f32',
  'torch.DoubleStorage': 'f64',
  'torch.HalfStorage': 'f16',
  'torch.BFloat16Storage': 'bf16',
  'torch.LongStorage': 'i64',
  'torch.IntStorage': 'i32',
  'torch.ByteStorage': 'u8',
  'torch.BoolStorage': 'bool',
}

type Rebuild = (args: readonly unknown[], context: RebuildContext) => unknown

/** The functions that REDUCE may call, by name. */
const functions: ReadonlyMap<string, Rebuild> = new Map<string, Rebuild>([
  ['collections.OrderedDict', rebuildOrderedDict],
  ['torch._utils._rebuild_tensor_v2', rebuildTensor],
  ['torch._utils._rebuild_parameter', rebuildParameter],
  ['torch.Size', rebuildSize],
  ['numpy.core.multiarray.scalar', rebuildScalar],
  ['numpy._core.multiarray.scalar', rebuildScalar],
  ['numpy.dtype', rebuildType],
  ['_codecs.encode', rebuildBytes],
])

export function isAllowed(name: string): boolean {
  return functions.has(name) || Object.hasOwn(storageTypes, name)
}

export function callGlobal(callee: unknown, args: unknown, context: RebuildContext): unknown {
  const call = callee instanceof Global ? functions.get(callee.name) : undefined
  if (!call || !Array.isArray(args)) return context.fail('the pickle calls something that is not callable')
  return call(args, context)
}

/** BUILD: attributes of an OrderedDict, such as the _metadata of a state_dict, are ignored. */
export function setAttributes(target: unknown, attributes: unknown, context: RebuildContext): void {
  if (target instanceof NumpyType) checkTypeState(attributes, context)
  else if (!(target instanceof OrderedDict) || !(attributes instanceof Map)) {
    context.fail('the pickle sets attributes on an object that has none')
  }
}

function rebuildOrderedDict(args: readonly unknown[], context: RebuildContext): OrderedDict {
  if (args.length > 0) context.fail('found an OrderedDict with arguments, expected an empty one that is filled later')
  return new OrderedDict()
}

function rebuildParameter(args: readonly unknown[], context: RebuildContext): unknown {
  return isTensor(args[0]) ? args[0] : context.fail('found a parameter that is not a tensor')
}

function rebuildSize(args: readonly unknown[], context: RebuildContext): unknown {
  const [axes] = args
  if (!isIntegers(axes)) return context.fail('found a torch.Size that is not a tuple of integers')
  if (axes.length > maxAxes)
    return context.fail(`found a torch.Size of ${axes.length} axes, at most ${maxAxes} allowed`)
  return tupleOf(...axes)
}

/** (storage, offset, shape, strides, requires gradient, hooks[, metadata]); offset and strides are in elements. */
function rebuildTensor(args: readonly unknown[], context: RebuildContext): unknown {
  const [storage, offset, shape, strides] = args as [{ storage?: Storage }, unknown, unknown, unknown]
  const source =
    storage instanceof StorageReference ? storage.storage : context.fail('found a tensor without a storage')
  if (!isIndex(offset) || !isIntegers(shape) || !isIntegers(strides) || shape.length !== strides.length) {
    return context.fail('found a tensor whose offset, shape and strides are not integers of matching rank')
  }
  if (shape.length > maxAxes)
    return context.fail(`found a tensor with ${shape.length} axes, at most ${maxAxes} allowed`)
  const count = sizeOf(shape)
  const last = offset + shape.reduce((sum, axis, i) => sum + (axis - 1) * strides[i]!, 0)
  const available = source.elements.length
  // An empty tensor has no last element; its offset may lie anywhere within the storage.
  if (!Number.isSafeInteger(count) || (count === 0 ? offset > available : last >= available)) {
    const place = `a tensor with offset ${offset}, shape [${shape}], strides [${strides}]`
    return context.fail(`${place} exceeds its storage of ${available} elements`)
  }
  context.spend(count * Math.max(elementBytes[source.type], 4))
  return gather(source, offset, shape, strides)
}

/** torch's limit. */
const maxAxes = 64

/** A storage named by a persistent id, before it becomes a tensor. */
export class StorageReference {
  readonly storage: Storage
  constructor(storage: Storage) {
    this.storage = storage
  }
}

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isIntegers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(isIndex)
}

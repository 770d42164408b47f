import { sizeOf } from '../../util/shape.ts'
import { checkTypeState, NumpyType, rebuildBytes, rebuildScalar, rebuildType } from './numpy.ts'
import { type ElementType, elementBytes, gather, type Storage } from './torch_tensor.ts'
import { isTensor, OrderedDict, type RebuildContext, tupleOf } from './value.ts'

/** A name that the pickle asked for; nothing is ever imported or run, the few known names are acted out below. */
export class Global {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

/** Storage classes of torch and what lies in them. */
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

/** What REDUCE may call, by name. */
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
  if (!call || !Array.isArray(args)) return context.fail('the pickle calls something that cannot be called')
  return call(args, context)
}

/** What BUILD may do: an OrderedDict's attributes, e.g. the _metadata of a state_dict, are read past. */
export function setAttributes(target: unknown, attributes: unknown, context: RebuildContext): void {
  if (target instanceof NumpyType) checkTypeState(attributes, context)
  else if (!(target instanceof OrderedDict) || !(attributes instanceof Map)) {
    context.fail('the pickle sets attributes of something that has none')
  }
}

function rebuildOrderedDict(args: readonly unknown[], context: RebuildContext): OrderedDict {
  if (args.length > 0) context.fail('an OrderedDict with arguments, expected an empty one that is filled afterwards')
  return new OrderedDict()
}

function rebuildParameter(args: readonly unknown[], context: RebuildContext): unknown {
  return isTensor(args[0]) ? args[0] : context.fail('a parameter that is no tensor')
}

function rebuildSize(args: readonly unknown[], context: RebuildContext): unknown {
  return isIntegers(args[0]) ? tupleOf(...args[0]) : context.fail('a torch.Size that is no tuple of whole numbers')
}

/** (storage, offset, shape, strides, requires gradient, hooks[, metadata]); offset and strides count elements. */
function rebuildTensor(args: readonly unknown[], context: RebuildContext): unknown {
  const [storage, offset, shape, strides] = args as [{ storage?: Storage }, unknown, unknown, unknown]
  const source = storage instanceof StorageReference ? storage.storage : context.fail('a tensor without a storage')
  if (!isIndex(offset) || !isIntegers(shape) || !isIntegers(strides) || shape.length !== strides.length) {
    return context.fail('a tensor whose offset, shape and strides are not whole numbers of one rank')
  }
  if (shape.length > mostAxes) return context.fail(`a tensor of ${shape.length} axes, at most ${mostAxes} are possible`)
  const count = sizeOf(shape)
  const last = offset + shape.reduce((sum, axis, i) => sum + (axis - 1) * strides[i]!, 0)
  const available = source.elements.length
  // An empty tensor has no last element; its offset may be anything within the storage.
  if (!Number.isSafeInteger(count) || (count === 0 ? offset > available : last >= available)) {
    const place = `a tensor with offset ${offset}, shape [${shape}], strides [${strides}]`
    return context.fail(`${place} reaches past its storage of ${available} elements`)
  }
  context.spend(count * Math.max(elementBytes[source.type], 4))
  return gather(source, offset, shape, strides)
}

/** torch's own limit. */
const mostAxes = 64

/** A storage named by a persistent id, until a tensor is made of it. */
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

import { storageTypes } from './globals.ts'
import { checkTensor, type Dtype, type TorchTensor } from './torch_tensor.ts'
import { OrderedDict, PyFloat, type PyValue } from './value.ts'

/** A pickle and the tensors behind its persistent ids '0', '1', …. */
export interface Pickle {
  pickle: Uint8Array
  tensors: TorchTensor[]
}

/** Pickles with protocol 2, like torch.save; each tensor is contiguous and has its own storage. */
export function writePickle(value: PyValue): Pickle {
  const writer = new PickleWriter()
  writer.operation(0x80, [2]) // PROTO
  writer.value(value)
  writer.operation(0x2e) // STOP
  return { pickle: Buffer.concat(writer.pieces), tensors: writer.tensors }
}

class PickleWriter {
  readonly pieces: Uint8Array[] = []
  readonly tensors: TorchTensor[] = []
  /** names already written, by memo index */
  private readonly names: string[] = []

  operation(code: number, argument: ArrayLike<number> = []): void {
    this.pieces.push(Uint8Array.from([code, ...Array.from(argument)]))
  }

  value(value: PyValue): void {
    if (value === null)
      this.operation(0x4e) // NONE
    else if (typeof value === 'boolean')
      this.operation(value ? 0x88 : 0x89) // NEWTRUE, NEWFALSE
    else if (typeof value === 'number') this.number(value)
    else if (typeof value === 'bigint') this.long(value)
    else if (typeof value === 'string') this.text(value)
    else if (value instanceof PyFloat) this.float(value.value)
    else if (Array.isArray(value)) this.sequence(value)
    else if (value instanceof Map) this.dict(value)
    else this.tensor(value as TorchTensor)
  }

  private number(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) this.float(value)
    else if (value >= 0 && value < 256)
      this.operation(0x4b, [value]) // BININT1
    else if (value < -(2 ** 31) || value >= 2 ** 31) this.long(BigInt(value))
    else this.operation(0x4a, new Uint8Array(Int32Array.of(value).buffer)) // BININT
  }

  private float(value: number): void {
    const bytes = Buffer.alloc(8)
    bytes.writeDoubleBE(value)
    this.operation(0x47, bytes) // BINFLOAT
  }

  /** Two's complement, lowest byte first. */
  private long(value: bigint): void {
    let length = 1
    while (BigInt.asIntN(8 * length, value) !== value) length++
    const bytes = Array.from({ length }, (_, i) => Number((value >> BigInt(8 * i)) & 255n))
    this.operation(0x8a, [length, ...bytes]) // LONG1
  }

  private text(value: string): void {
    const bytes = Buffer.from(value, 'utf8')
    const length = Buffer.alloc(4)
    length.writeUInt32LE(bytes.length)
    this.operation(0x58, length) // BINUNICODE
    this.pieces.push(bytes)
  }

  private sequence(items: readonly PyValue[]): void {
    const isTuple = Object.isFrozen(items)
    if (!isTuple) this.operation(0x5d) // EMPTY_LIST
    this.operation(0x28) // MARK
    for (const item of items) this.value(item)
    this.operation(isTuple ? 0x74 : 0x65) // TUPLE, APPENDS
  }

  private dict(entries: Map<string | number, PyValue>): void {
    if (entries instanceof OrderedDict) this.emptyOrderedDict()
    else this.operation(0x7d) // EMPTY_DICT
    this.operation(0x28) // MARK
    for (const [key, value] of entries) {
      this.value(key)
      this.value(value)
    }
    this.operation(0x75) // SETITEMS
  }

  private emptyOrderedDict(): void {
    this.global('collections', 'OrderedDict')
    this.operation(0x29) // EMPTY_TUPLE
    this.operation(0x52) // REDUCE
  }

  /** Writes each name once and then recalls it from the memo. */
  private global(module: string, name: string): void {
    const line = `${module}\n${name}\n`
    const place = this.names.indexOf(line)
    if (place >= 0) {
      this.operation(0x68, [place]) // BINGET
    } else {
      this.operation(0x63, Buffer.from(line)) // GLOBAL
      this.operation(0x71, [this.names.push(line) - 1]) // BINPUT
    }
  }

  /** torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, requires gradient, hooks) */
  private tensor(tensor: TorchTensor): void {
    checkTensor(tensor, 'writePickle')
    this.global('torch._utils', '_rebuild_tensor_v2')
    this.operation(0x28) // MARK
    this.storage(tensor)
    this.value(0)
    this.sequence(Object.freeze([...tensor.shape]))
    this.sequence(Object.freeze(contiguousStrides(tensor.shape)))
    this.value(false)
    this.emptyOrderedDict()
    this.operation(0x74) // TUPLE
    this.operation(0x52) // REDUCE
  }

  private storage(tensor: TorchTensor): void {
    this.operation(0x28) // MARK
    this.value('storage')
    this.global('torch', storageName(tensor.dtype))
    this.value(String(this.tensors.push(tensor) - 1))
    this.value('cpu')
    this.value(tensor.data.length)
    this.operation(0x74) // TUPLE
    this.operation(0x51) // BINPERSID
  }
}

function storageName(dtype: Dtype): string {
  const name = Object.keys(storageTypes).find(key => storageTypes[key] === dtype)!
  return name.slice('torch.'.length)
}

/** Strides in elements; an axis of length 0 counts as 1, as in torch. */
function contiguousStrides(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1)
  for (let axis = shape.length - 2; axis >= 0; axis--)
    strides[axis] = strides[axis + 1]! * Math.max(shape[axis + 1]!, 1)
  return strides
}

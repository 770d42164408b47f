import { InputError } from '../../util/error.ts'
import { PickleCursor } from './cursor.ts'
import { callGlobal, Global, isAllowed, StorageReference, setAttributes } from './globals.ts'
import { PickleStack } from './stack.ts'
import type { Storage } from './torch_tensor.ts'
import { checkValue, type PyValue, type RebuildContext } from './value.ts'

/** A SADAAN checkpoint has about 20 thousand operations; the limit stops a pickle crafted to exhaust memory or time. */
const maxOperations = 2_000_000

export interface PickleSource {
  /** beginning of every error message, e.g. the path */
  where: string
  /** resolves ('storage', class, key, location, number of elements) or fails */
  storage(className: string, key: string, elements: number): Storage
  /** limit on the bytes of all tensors together */
  tensorBytes: number
}

/**
 * Runs a pickle (protocol 2) on a plain stack machine that imports and calls nothing. Names outside the list of `globals.ts`
 * and operations that torch.save does not write throw InputError. The result has no cycles and bounded depth and size, so it
 * is safe to walk recursively.
 */
export function readPickle(bytes: Uint8Array, source: PickleSource): PyValue {
  return new Machine(bytes, source).run()
}

const stop = Symbol('stop')

class Machine implements RebuildContext {
  private readonly source: PickleSource
  private readonly cursor: PickleCursor
  private readonly values: PickleStack
  private budget: number

  constructor(bytes: Uint8Array, source: PickleSource) {
    this.source = source
    this.cursor = new PickleCursor(bytes, what => this.fail(what))
    this.values = new PickleStack(what => this.fail(what))
    this.budget = source.tensorBytes
  }

  run(): PyValue {
    for (let operations = 0; operations < maxOperations; operations++) {
      const value = this.step(this.cursor.byte())
      if (value === stop) {
        const result = this.values.result()
        checkValue(result, what => this.fail(what))
        return result
      }
      if (value !== undefined) this.values.push(value)
    }
    return this.fail(`the pickle has more than ${maxOperations} operations`)
  }

  fail(what: string): never {
    throw new InputError(`${this.source.where}: ${what} (pickle byte ${this.cursor.position})`)
  }

  spend(bytes: number): void {
    this.budget -= bytes
    if (this.budget < 0) this.fail(`the tensors take more than ${this.source.tensorBytes} bytes`)
  }

  /** Runs one operation and returns the value to push. Names as in Python's pickletools. */
  private step(code: number): unknown {
    switch (code) {
      case 0x80: // PROTO
        return this.protocol(this.cursor.byte())
      case 0x2e: // STOP
        return stop
      case 0x28: // MARK
        return this.values.mark()
      case 0x63: // GLOBAL
        return this.global()
      case 0x52: // REDUCE
        return this.reduce()
      case 0x62: // BUILD
        return this.build()
      case 0x51: // BINPERSID
        return this.persistent()
      case 0x71: // BINPUT
        return this.values.remember(this.cursor.byte())
      case 0x72: // LONG_BINPUT
        return this.values.remember(this.cursor.uint32())
      case 0x68: // BINGET
        return this.values.recall(this.cursor.byte())
      case 0x6a: // LONG_BINGET
        return this.values.recall(this.cursor.uint32())
      default:
        return this.scalar(code)
    }
  }

  private scalar(code: number): unknown {
    switch (code) {
      case 0x4e: // NONE
        return null
      case 0x88: // NEWTRUE
        return true
      case 0x89: // NEWFALSE
        return false
      case 0x4a: // BININT
        return this.cursor.int32()
      case 0x4b: // BININT1
        return this.cursor.byte()
      case 0x4d: // BININT2
        return this.cursor.uint16()
      case 0x8a: // LONG1
        return this.cursor.long(this.cursor.byte())
      case 0x47: // BINFLOAT
        return this.cursor.float64()
      case 0x58: // BINUNICODE
        return this.cursor.text(this.cursor.uint32())
      default:
        return this.container(code)
    }
  }

  private container(code: number): unknown {
    switch (code) {
      case 0x7d: // EMPTY_DICT
        return new Map()
      case 0x5d: // EMPTY_LIST
        return []
      case 0x29: // EMPTY_TUPLE
        return Object.freeze([])
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        return this.values.tuple(code - 0x84)
      case 0x74: // TUPLE
        return Object.freeze(this.values.popMark())
      case 0x61: // APPEND
        return this.values.append([this.values.pop()])
      case 0x65: // APPENDS
        return this.values.append(this.values.popMark())
      case 0x73: // SETITEM
        return this.values.setItems(this.values.popMany(2))
      case 0x75: // SETITEMS
        return this.values.setItems(this.values.popMark())
      default:
        return this.fail(`found pickle operation 0x${code.toString(16)}, which torch.save does not write`)
    }
  }

  private protocol(version: number): undefined {
    if (version !== 2) this.fail(`found pickle protocol ${version}, expected 2 (torch.save's default)`)
  }

  private global(): Global {
    const name = `${this.cursor.line()}.${this.cursor.line()}`
    if (!isAllowed(name)) {
      this.fail(`the pickle asks for ${JSON.stringify(name.slice(0, 80))}, which is not on the list of allowed names`)
    }
    return new Global(name)
  }

  private reduce(): unknown {
    const [callee, args] = this.values.popMany(2)
    return callGlobal(callee, args, this)
  }

  private build(): undefined {
    const attributes = this.values.pop()
    setAttributes(this.values.top(), attributes, this)
  }

  private persistent(): StorageReference {
    const id = this.values.pop()
    const [kind, type, key, , elements] = Array.isArray(id) ? id : []
    if (kind !== 'storage' || !(type instanceof Global) || typeof key !== 'string' || !Number.isSafeInteger(elements)) {
      return this.fail('found a persistent id that is not a storage')
    }
    return new StorageReference(this.source.storage(type.name, key, elements))
  }
}

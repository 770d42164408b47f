import { InputError } from '../../util/error.ts'

export type NumericArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array

/** Supported element types. 'bool' is h5py's enumeration {FALSE, TRUE} over int8. */
export type ElementKind =
  | 'bool'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'float32'
  | 'float64'
  | 'string'

/** Interprets `bytes` as elements; 64-bit integers become doubles. */
export function numbersOf(kind: ElementKind, bytes: Uint8Array): NumericArray {
  const buffer = bytes.buffer
  switch (kind) {
    case 'bool':
    case 'int8':
      return new Int8Array(buffer)
    case 'uint8':
      return new Uint8Array(buffer)
    case 'int16':
      return new Int16Array(buffer)
    case 'uint16':
      return new Uint16Array(buffer)
    case 'int32':
      return new Int32Array(buffer)
    case 'uint32':
      return new Uint32Array(buffer)
    case 'float32':
      return new Float32Array(buffer)
    case 'float64':
      return new Float64Array(buffer)
    case 'int64':
      return Float64Array.from(new BigInt64Array(buffer), Number)
    case 'uint64':
      return Float64Array.from(new BigUint64Array(buffer), Number)
    case 'string':
      throw new InputError('strings are not numbers')
  }
}

/** A string in the WebAssembly heap; an empty one may have address 0. */
export function stringAt(heap: Uint8Array, address: number): string {
  return address === 0 ? '' : Buffer.from(heap.subarray(address, heap.indexOf(0, address))).toString('utf8')
}

/** Strings of `length` bytes each, zero-padded. */
export function fixedStrings(memory: Uint8Array, length: number): string[] {
  const strings: string[] = []
  for (let at = 0; at < memory.length; at += length) {
    const bytes = memory.subarray(at, at + length)
    const end = bytes.indexOf(0)
    strings.push(Buffer.from(end === -1 ? bytes : bytes.subarray(0, end)).toString('utf8'))
  }
  return strings
}

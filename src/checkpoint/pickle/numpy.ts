import type { RebuildContext } from './value.ts'

/** A numpy.dtype; its byte order follows as attributes. */
export class NumpyType {
  readonly code: string
  constructor(code: string) {
    this.code = code
  }
}

/** Python bytes; only numpy scalars need them. */
export class PyBytes {
  readonly bytes: Uint8Array
  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

const longestScalar = 8 // bytes

const decoders: Readonly<Record<string, { bytes: number; read(view: DataView): number | bigint | boolean }>> = {
  f8: { bytes: 8, read: view => view.getFloat64(0, true) },
  f4: { bytes: 4, read: view => view.getFloat32(0, true) },
  i8: { bytes: 8, read: view => asNumber(view.getBigInt64(0, true)) },
  i4: { bytes: 4, read: view => view.getInt32(0, true) },
  b1: { bytes: 1, read: view => view.getUint8(0) !== 0 },
}

/** numpy.dtype(code, align, copy) */
export function rebuildType(args: readonly unknown[], context: RebuildContext): NumpyType {
  const [code] = args
  if (typeof code !== 'string' || !Object.hasOwn(decoders, code)) {
    return context.fail(`found an unsupported numpy type, expected one of ${Object.keys(decoders)}`)
  }
  return new NumpyType(code)
}

/** The attributes of a dtype: (version, byte order, …); the order is '|' for one-byte types. */
export function checkTypeState(state: unknown, context: RebuildContext): void {
  if (!Array.isArray(state) || (state[1] !== '<' && state[1] !== '|')) {
    context.fail('found a numpy type that is not little-endian')
  }
}

/** _codecs.encode(text, 'latin1'): protocol 2 stores bytes as one character each. */
export function rebuildBytes(args: readonly unknown[], context: RebuildContext): PyBytes {
  const [text, codec] = args
  if (typeof text !== 'string' || codec !== 'latin1') return context.fail('found bytes that are not latin1')
  // Each call copies, and a pickle can call a million times with one text.
  if (text.length > longestScalar) return context.fail(`found ${text.length} bytes, expected those of a number`)
  const codes = Array.from(text, character => character.codePointAt(0)!)
  if (codes.some(code => code > 0xff)) return context.fail('found bytes that are not latin1')
  return new PyBytes(Uint8Array.from(codes))
}

/** numpy.core.multiarray.scalar(dtype, bytes): the original's checkpoints store mean losses this way. */
export function rebuildScalar(args: readonly unknown[], context: RebuildContext): number | bigint | boolean {
  const [type, content] = args
  if (!(type instanceof NumpyType) || !(content instanceof PyBytes))
    return context.fail('found a numpy scalar without a type')
  const { bytes } = content
  const decoder = decoders[type.code]!
  if (bytes.length !== decoder.bytes) return context.fail(`found a numpy ${type.code} of ${bytes.length} bytes`)
  return decoder.read(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength))
}

function asNumber(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value
}

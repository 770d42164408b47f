import { InputError } from '../util/error.ts'
import { toFloat16 } from '../util/float16.ts'
import { isTooDeep } from '../util/json_syntax.ts'
import { type Shape, sizeOf } from '../util/shape.ts'
import {
  checkTensor,
  type ElementType,
  elementBytes,
  gather,
  storageOf,
  type TorchTensor,
  tensorBytes,
} from './pickle/torch_tensor.ts'

/** Layout: header length (u64), header (JSON), tensor bytes without gaps; little-endian. */
const lengthBytes = 8
const maxHeaderBytes = 16 * 2 ** 20

const elementTypes: Readonly<Record<string, ElementType>> = {
  F64: 'f64',
  I64: 'i64',
  F32: 'f32',
  I32: 'i32',
  F16: 'f16',
  BF16: 'bf16',
  U8: 'u8',
  BOOL: 'bool',
}

export interface Safetensors {
  /** by name, in header order */
  tensors: Map<string, TorchTensor>
  /** the header's __metadata__ */
  metadata: Record<string, string>
}

interface Entry {
  name: string
  type: ElementType
  shape: Shape
  /** byte offsets from the end of the header */
  begin: number
  end: number
}

/**
 * Parses a safetensors file; F16 and BF16 are widened to f32. Throws InputError, beginning with `where`, if the header does not match the
 * file.
 */
export function parseSafetensors(bytes: Uint8Array, where: string): Safetensors {
  const { header, start } = readHeader(bytes, where)
  const { __metadata__: metadata, ...described } = header
  const entries = Object.entries(described).map(([name, value]) => readEntry(name, value, where))
  checkCovered(entries, bytes.length - start, where)
  const tensors = entries.map(({ name, type, shape, begin, end }): [string, TorchTensor] => {
    const storage = storageOf(type, bytes.subarray(start + begin, start + end))
    return [name, gather(storage, 0, shape, contiguous(shape))]
  })
  return { tensors: new Map(tensors), metadata: readMetadata(metadata, where) }
}

function readHeader(bytes: Uint8Array, where: string): { header: Record<string, unknown>; start: number } {
  if (bytes.length < lengthBytes)
    throw new InputError(`${where}: ${bytes.length} bytes, too few for a safetensors file`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = view.getBigUint64(0, true)
  if (length > BigInt(Math.min(maxHeaderBytes, bytes.length - lengthBytes))) {
    throw new InputError(
      `${where}: the safetensors header has ${length} bytes, expected at most 16 MiB and within the file`,
    )
  }
  const start = lengthBytes + Number(length)
  const header = parseHeader(bytes.subarray(lengthBytes, start))
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw new InputError(`${where}: the safetensors header is not a JSON object`)
  }
  return { header: header as Record<string, unknown>, start }
}

function parseHeader(bytes: Uint8Array): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return isTooDeep(text) ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

function readEntry(name: string, value: unknown, where: string): Entry {
  const place = `${where}: ${JSON.stringify(name.slice(0, 80))}`
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>
  const type = typeof dtype === 'string' && Object.hasOwn(elementTypes, dtype) ? elementTypes[dtype] : undefined
  if (!type)
    throw new InputError(`${place} has dtype ${JSON.stringify(dtype)}, expected one of ${Object.keys(elementTypes)}`)
  if (!isIndexes(shape) || shape.length > 64) throw new InputError(`${place} has no valid shape, expected integers`)
  if (!isIndexes(offsets) || offsets.length !== 2)
    throw new InputError(`${place} has no valid data_offsets, expected two integers`)
  const [begin, end] = offsets as [number, number]
  const expected = sizeOf(shape) * elementBytes[type]
  if (end - begin !== expected) {
    throw new InputError(`${place} has ${end - begin} bytes, expected ${expected} for ${dtype} of shape [${shape}]`)
  }
  return { name, type, shape, begin, end }
}

function isIndexes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(item => Number.isSafeInteger(item) && item >= 0)
}

/** The format requires that every byte belongs to exactly one tensor. */
function checkCovered(entries: readonly Entry[], bytes: number, where: string): void {
  let position = 0
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== position) {
      throw new InputError(
        `${where}: ${JSON.stringify(name.slice(0, 80))} begins at byte ${begin}, expected ${position}`,
      )
    }
    position = end
  }
  if (position !== bytes) throw new InputError(`${where}: the tensors have ${position} bytes, the file holds ${bytes}`)
}

function readMetadata(value: unknown, where: string): Record<string, string> {
  if (value === undefined) return {}
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!isRecord || !Object.values(value).every(item => typeof item === 'string')) {
    throw new InputError(`${where}: __metadata__ is not a map of strings`)
  }
  return value as Record<string, string>
}

/**
 * The bytes of a safetensors file, in pieces. Tensors named in `halved` are rounded to f16. Those with wider elements come first, so that
 * every element is aligned.
 */
export function encodeSafetensors(
  { tensors, metadata }: Safetensors,
  halved: ReadonlySet<string> = new Set(),
): Uint8Array[] {
  const stored = [...tensors].map(([name, tensor]) => {
    checkTensor(tensor, 'encodeSafetensors')
    const type: ElementType = halved.has(name) ? 'f16' : tensor.dtype
    return { name, type, shape: tensor.shape, bytes: type === 'f16' ? halfBytes(tensor) : tensorBytes(tensor) }
  })
  const ordered = stored.sort((a, b) => elementBytes[b.type] - elementBytes[a.type])
  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [['__metadata__', metadata]] : []
  let position = 0
  for (const { name, type, shape, bytes } of ordered) {
    const end = position + bytes.length
    header.push([name, { dtype: typeName(type), shape, data_offsets: [position, end] }])
    position = end
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)))
  const padded = new Uint8Array(Math.ceil(text.length / 8) * 8).fill(0x20)
  padded.set(text)
  const length = new Uint8Array(BigUint64Array.of(BigInt(padded.length)).buffer)
  return [length, padded, ...ordered.map(({ bytes }) => bytes)]
}

function halfBytes({ data }: TorchTensor): Uint8Array {
  return new Uint8Array(toFloat16(Float64Array.from<number | bigint>(data, Number)).buffer, 0, 2 * data.length)
}

function typeName(type: ElementType): string {
  return Object.keys(elementTypes).find(key => elementTypes[key] === type)!
}

function contiguous(shape: Shape): number[] {
  return shape.map((_, axis) => sizeOf(shape.slice(axis + 1)))
}

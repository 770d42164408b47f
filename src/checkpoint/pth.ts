import { InputError } from '../util/error.ts'
import { storageTypes } from './pickle/globals.ts'
import { readPickle } from './pickle/read.ts'
import { elementBytes, type Storage, storageOf } from './pickle/torch_tensor.ts'
import type { PyValue } from './pickle/value.ts'
import { readZip } from './zip.ts'

const maxPickleBytes = 32 * 2 ** 20
/** Tensors may share a storage or repeat it (stride 0). Together they may take this many times the size of the file, plus a constant, but no more than a gibibyte beyond it. */
const maxRepeats = 8
const alwaysAllowed = 2 ** 20
const mostRepeated = 2 ** 30 // bytes

/**
 * The object in the bytes of a `.pth` file written by torch.save (torch 1.6 or later). Verifies the CRC of every entry and runs no code.
 * Throws InputError that begins with `where`: damaged, in the format before 1.6, or with unsupported content.
 */
export function parsePth(bytes: Uint8Array, where: string): PyValue {
  checkFormat(bytes, where)
  const entries = readZip(bytes, where)
  const pickleName = [...entries.keys()].find(name => /^[^/]*\/data\.pkl$/.test(name))
  const pickle = pickleName === undefined ? undefined : entries.get(pickleName)
  if (pickleName === undefined || !pickle)
    throw new InputError(`${where}: a zip archive without data.pkl, not written by torch.save`)
  if (pickle.length > maxPickleBytes) {
    throw new InputError(`${where}: data.pkl has ${pickle.length} bytes, at most ${maxPickleBytes} are supported`)
  }
  const prefix = pickleName.slice(0, -'data.pkl'.length)
  checkByteOrder(entries.get(`${prefix}byteorder`), where)
  return readPickle(pickle, {
    where,
    storage: storageReader(entries, prefix, where),
    tensorBytes: bytes.length + Math.min(bytes.length * (maxRepeats - 1) + alwaysAllowed, mostRepeated),
  })
}

function checkFormat(bytes: Uint8Array, where: string): void {
  if (bytes[0] === 0x50 && bytes[1] === 0x4b) return
  const old = bytes[0] === 0x80 && bytes[1] === 2
  throw new InputError(
    old
      ? `${where}: saved in the format of torch before 1.6; load it in torch and save it again with torch 1.6 or later`
      : `${where}: not written by torch.save (not a zip archive)`,
  )
}

/** torch writes the entry since 2.0; files without it are little-endian. */
function checkByteOrder(entry: Uint8Array | undefined, where: string): void {
  const order = entry && new TextDecoder().decode(entry.subarray(0, 16))
  if (order !== undefined && order !== 'little') {
    throw new InputError(`${where}: byte order ${JSON.stringify(order)}, expected "little"`)
  }
}

function storageReader(entries: Map<string, Uint8Array>, prefix: string, where: string) {
  const opened = new Map<string, Storage>()
  return (className: string, key: string, elements: number): Storage => {
    const type = storageTypes[className]
    const bytes = entries.get(`${prefix}data/${key}`)
    const named = `storage ${JSON.stringify(key.slice(0, 80))}`
    if (!type || !bytes) throw new InputError(`${where}: ${named} of ${className} is missing from the archive`)
    if (bytes.length !== elements * elementBytes[type]) {
      throw new InputError(`${where}: ${named} has ${bytes.length} bytes, expected ${elements} elements of ${type}`)
    }
    const storage = opened.get(`${className} ${key}`) ?? storageOf(type, bytes)
    opened.set(`${className} ${key}`, storage)
    return storage
  }
}

import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { ContractError, InputError } from '../../util/error.ts'
import { moveIntoPlace, readWhole, removeStale, temporaryOf, WriteError, writing } from '../../util/whole_file.ts'
import { Hdf5File, type NumericArray } from './file.ts'
import { type Hdf5Library, loadHdf5 } from './library.ts'
import { clearTimes } from './times.ts'

export type WrittenKind = 'float32' | 'int64' | 'bool'

export interface Hdf5Column {
  name: string
  kind: WrittenKind
  /** Axis lengths of one sample. The dataset has shape (N, ...rowShape) and chunks (1, ...rowShape), compressed with gzip. */
  rowShape: readonly number[]
}

interface Column extends Hdf5Column {
  rows: number
  /** checksum of all rows, in order */
  checksum: number
}

const ELEMENT_BYTES: Record<WrittenKind, number> = { float32: 4, int64: 8, bool: 1 }
const GZIP = 1
const GZIP_LEVEL = 4
const UNLIMITED = 2n ** 64n - 1n
const BOOLEAN_MARKER = 'sadaan-gpu boolean'

/**
 * Writes one HDF5 file sample by sample in constant memory. `path` does not exist until `finish` has reopened the temporary
 * file, verified the checksums of all rows, flushed it to disk and renamed it.
 * A failed write (full disk, no permission) throws Error with path and reason; call `abandon` then.
 */
export class Hdf5Writer {
  readonly path: string
  private readonly temporary: string
  /** s since 1970 */
  private readonly begun = Math.floor(Date.now() / 1000)
  private readonly library: Hdf5Library
  private readonly columns: Map<string, Column>
  private readonly strings = new Map<string, readonly string[]>()
  private id: bigint

  private constructor(path: string, temporary: string, library: Hdf5Library, id: bigint, columns: Column[]) {
    this.path = path
    this.temporary = temporary
    this.library = library
    this.id = id
    this.columns = new Map(columns.map(column => [column.name, column]))
  }

  /** Creates a file with these datasets, all empty. */
  static async create(path: string, columns: readonly Hdf5Column[]): Promise<Hdf5Writer> {
    const library = await loadHdf5()
    removeStale(path)
    const temporary = temporaryOf(path)
    const started = columns.map(column => ({ ...column, rows: 0, checksum: 0 }))
    const writer = new Hdf5Writer(path, temporary, library, -1n, started)
    try {
      writer.open('create')
      for (const column of columns) writer.createDataset(column)
      writer.close()
      const booleans = columns.filter(column => column.kind === 'bool').length
      writing(path, () => patchBooleans(temporary, booleans))
      writer.open('append')
    } catch (error) {
      writer.abandon()
      throw error
    }
    return writer
  }

  /** Appends the row of one sample: float32 values, int64 values, or bytes 0 and 1 for 'bool'. */
  append(name: string, row: Float32Array | BigInt64Array | Uint8Array): void {
    const column = this.columns.get(name)
    if (!column) throw new ContractError('Hdf5Writer.append', 'name', name, [...this.columns.keys()].join(', '))
    const shape = [1, ...column.rowShape]
    const bytes = shape.reduce((product, axis) => product * axis, ELEMENT_BYTES[column.kind])
    if (row.byteLength !== bytes)
      throw new ContractError('Hdf5Writer.append', 'row', row.byteLength, `${bytes} bytes of ${column.kind} (${shape})`)
    const data = new Uint8Array(row.buffer, row.byteOffset, row.byteLength)
    const { module } = this.library
    const axes = shape.map(BigInt)
    this.check(module.resize_dataset(this.id, `/${name}`, [BigInt(column.rows + 1), ...axes.slice(1)]), name)
    const offset = [BigInt(column.rows), ...column.rowShape.map(() => 0n)]
    const stride = shape.map(() => 1n)
    this.withMemory(data, pointer =>
      this.check(module.set_dataset_data(this.id, `/${name}`, axes, offset, stride, pointer), name),
    )
    column.rows++
    column.checksum = crc32(data, column.checksum)
  }

  /** Appends the rows of the datasets `names` of another file, sample by sample. Throws InputError as `Hdf5File` does. */
  async appendFrom(path: string, names: readonly string[]): Promise<void> {
    const file = await Hdf5File.open(path)
    try {
      const datasets = names.map(name => file.dataset(name))
      for (let row = 0; row < datasets[0]!.shape[0]!; row++)
        for (const dataset of datasets) {
          const { kind } = this.columns.get(dataset.name)!
          this.append(dataset.name, asWritten(kind, file.read(dataset, row, 1)))
        }
    } finally {
      file.close()
    }
  }

  /** Writes a one-dimensional dataset of variable-length UTF-8 strings. */
  writeStrings(name: string, values: readonly string[]): void {
    const { module } = this.library
    const shape = [BigInt(values.length)]
    const type = { type: module.H5T_class_t.H5T_STRING.value, size: 4, cset: 1, vlen: true, signed: false }
    const metadata = { ...type, littleEndian: true, total_size: values.length, shape, maxshape: shape }
    this.check(module.create_vlen_str_dataset(this.id, `/${name}`, [...values], metadata), name)
    this.strings.set(name, values)
  }

  /** Writes an int64 attribute of the root: a scalar or a one-dimensional array. */
  writeAttribute(name: string, value: number | readonly number[]): void {
    const { module } = this.library
    const values = BigInt64Array.from(typeof value === 'number' ? [value] : value, BigInt)
    const shape = typeof value === 'number' ? [] : [BigInt(values.length)]
    const type = { type: module.H5T_class_t.H5T_INTEGER.value, size: 8, signed: true, vlen: false }
    const metadata = { ...type, littleEndian: true, total_size: values.length, shape, maxshape: shape }
    this.withMemory(new Uint8Array(values.buffer), pointer =>
      this.check(module.create_attribute(this.id, '/', name, pointer, metadata), name),
    )
  }

  /** Closes and verifies the file, and gives it its name. Throws Error if it does not hold what was written. */
  async finish(): Promise<void> {
    await this.complete()
    this.place()
  }

  /** Closes and verifies the temporary file. Throws Error, and removes it, if it does not hold what was written. */
  async complete(): Promise<void> {
    try {
      this.close()
      writing(this.path, () => clearTimes(this.temporary, this.begun))
      await this.verify()
    } catch (error) {
      this.abandon()
      throw error
    }
  }

  /** Syncs and renames a complete file. */
  place(): void {
    try {
      moveIntoPlace(this.temporary, this.path)
    } catch (error) {
      this.abandon()
      // The file that does not read back is the program's own, so this is no wrong input.
      throw error instanceof InputError ? WriteError.at(this.path, error) : error
    }
  }

  /** Removes the temporary file; `path` is unchanged. */
  abandon(): void {
    if (this.id >= 0n) this.library.module.close_file(this.id)
    this.id = -1n
    this.library.complaint()
    try {
      rmSync(this.temporary, { force: true })
    } catch {} // the error that made the caller abandon is the one to tell; the next writer removes the file
  }

  private open(mode: 'create' | 'append'): void {
    this.library.complaint()
    this.id = this.library.open(this.temporary, mode)
    this.check(this.id < 0n ? -1 : 0, 'the file itself')
  }

  private close(): void {
    const id = this.id
    this.check(this.library.module.flush(id), 'the file itself')
    this.id = -1n
    this.check(this.library.module.close_file(id), 'the file itself')
  }

  private createDataset({ name, kind, rowShape }: Hdf5Column): void {
    const { module } = this.library
    const { H5T_FLOAT, H5T_INTEGER } = module.H5T_class_t
    const size = ELEMENT_BYTES[kind]
    const number = { type: kind === 'float32' ? H5T_FLOAT.value : H5T_INTEGER.value, size, signed: true }
    const rows = {
      shape: [0n, ...rowShape.map(BigInt)],
      maxshape: [UNLIMITED, ...rowShape.map(BigInt)],
      chunks: [1n, ...rowShape.map(axis => BigInt(axis))],
      compression: GZIP,
      compression_opts: [GZIP_LEVEL],
      total_size: 0,
    }
    const type = kind === 'bool' ? booleanPlaceholder(module) : number
    const metadata = { ...type, vlen: false, littleEndian: true, ...rows }
    this.withMemory(new Uint8Array(0), pointer =>
      this.check(module.create_dataset(this.id, `/${name}`, pointer, metadata), name),
    )
  }

  private withMemory(data: Uint8Array, use: (pointer: bigint) => void): void {
    const { module } = this.library
    const pointer = module._malloc(Math.max(data.length, 1))
    if (pointer === 0) throw new Error(`${this.path}: out of memory (${data.length} bytes)`)
    try {
      module.HEAPU8.set(data, pointer)
      use(BigInt(pointer))
    } finally {
      module._free(pointer)
    }
  }

  private check(code: number, name: string): void {
    const complaint = this.library.complaint()
    if (code < 0 || complaint) throw new Error(`${this.path}: cannot write ${name}: ${complaint ?? `code ${code}`}`)
  }

  private async verify(): Promise<void> {
    const file = await Hdf5File.open(this.temporary)
    try {
      for (const column of this.columns.values()) verifyColumn(file, column, this.path)
      for (const [name, values] of this.strings) {
        const stored = file.readStrings(file.dataset(name))
        if (stored.join('\0') !== values.join('\0')) throw new Error(`${this.path}: ${name} reads back differently`)
      }
    } finally {
      file.close()
    }
  }
}

function verifyColumn(file: Hdf5File, column: Column, path: string): void {
  const dataset = file.dataset(column.name)
  const isAsDeclared = dataset.kind === column.kind && dataset.shape.join() === [column.rows, ...column.rowShape].join()
  let checksum = 0
  for (let row = 0; isAsDeclared && row < column.rows; row++) {
    const { buffer } = asWritten(column.kind, file.read(dataset, row, 1))
    checksum = crc32(new Uint8Array(buffer), checksum)
  }
  if (!isAsDeclared || checksum !== column.checksum)
    throw new Error(`${path}: ${column.name} reads back differently from what was written`)
}

/** Values as `append` takes them, from how `Hdf5File` reads them. */
function asWritten(kind: WrittenKind, values: NumericArray): Float32Array | BigInt64Array | Uint8Array {
  if (kind === 'int64') return BigInt64Array.from(values, BigInt)
  return kind === 'bool' ? Uint8Array.from(values) : Float32Array.from(values)
}

/**
 * h5py stores booleans as an enumeration, which h5wasm cannot create. So the dataset is created with a one-byte compound
 * type: the storage is the same, and its header has room for the enumeration that `patchBooleans` writes there.
 */
function booleanPlaceholder(module: Hdf5Library['module']) {
  const integer = { type: module.H5T_class_t.H5T_INTEGER.value, size: 1, signed: true, vlen: false, littleEndian: true }
  const member = { ...integer, name: BOOLEAN_MARKER, offset: 0 }
  return { type: module.H5T_class_t.H5T_COMPOUND.value, size: 1, signed: false, compound_type: compoundOf(member) }
}

function compoundOf(member: Record<string, unknown>) {
  // The declared type of a member has fields that only reading fills in.
  return { nmembers: 1, members: [member as never] }
}

/**
 * Overwrites the placeholders' datatype messages with the enumeration {FALSE: 0, TRUE: 1} over int8.
 * Layout: HDF5 File Format Specification 3.0, IV.A.2.d, class 8 (enumeration) version 1. The message keeps its length, and
 * object headers have no checksum in the oldest file version, which `create` requests.
 */
function patchBooleans(path: string, expected: number): void {
  const integer = [0x10, 0x08, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0] // class 0 version 1, signed, 1 byte, 8 bits from bit 0
  const names = Buffer.from('FALSE\0\0\0TRUE\0\0\0\0', 'latin1')
  const enumeration = Buffer.from([0x18, 2, 0, 0, 1, 0, 0, 0, ...integer, ...names, 0, 1])
  const content = readWhole(path) // a few kilobytes, without data yet
  const messageHeader = 8 // bytes of a datatype message before the first member's name
  let patched = 0
  const file = openSync(path, 'r+')
  try {
    for (let at = content.indexOf(BOOLEAN_MARKER); at !== -1; at = content.indexOf(BOOLEAN_MARKER, at + 1)) {
      const start = at - messageHeader
      const length = content.readUInt16LE(start - 6) // of the message, from its eight-byte prefix: type, length, flags
      const message = Buffer.alloc(length)
      enumeration.copy(message)
      patched += writeSync(file, message, 0, length, start) === length ? 1 : 0
    }
  } finally {
    closeSync(file)
  }
  if (patched !== expected) throw new Error(`${path}: ${patched} boolean datasets written, expected ${expected}`)
}

import { InputError } from '../../util/error.ts'
import { checkInput } from '../../util/files/input_file.ts'
import { type ElementKind, fixedStrings, type NumericArray, numbersOf, stringAt } from './elements.ts'
import { type Hdf5Library, loadHdf5 } from './library.ts'
import { isHdf5 } from './signature.ts'

export type { NumericArray }

export interface Hdf5Dataset {
  name: string
  /** Axis lengths; the first axis is samples. */
  shape: number[]
  kind: ElementKind
  /** Bytes of one element in memory. */
  elementBytes: number
}

/** A dataset as the file describes it, whether or not it can be read here. */
export interface Hdf5Member {
  /** path in the file, without the leading slash */
  name: string
  shape: number[]
  /** an `ElementKind` if it is one */
  type: string
  /** null: contiguous storage */
  chunks: number[] | null
  /** in the order of writing */
  filters: string[]
  /** why it cannot be read; undefined if it can */
  problem?: string
}

/** Chunks are decompressed whole; larger ones could exhaust the 2 GB limit of WebAssembly memory. */
export const CHUNK_LIMIT = 256 * 2 ** 20 // bytes

/** HDF5 stores attributes in the object header, which holds 64 KiB. */
const ATTRIBUTE_LIMIT = 2 ** 16 // bytes

/** A filter holds a chunk and a larger copy of what it makes of it; several filters may follow each other. */
const INFLATION = 4
const SLACK = 2 ** 26 // bytes that reading may take beyond chunks, among them the texts of one read
const HEADERS = 2 ** 28 // bytes that a call which reads no data may take

const GZIP = 1
const MISSING = -1
const EXTERNAL_LINK = 4
const SOFT_LINK = 3
const DATASET = 1

type Metadata = ReturnType<Hdf5Library['module']['get_dataset_metadata']>

/**
 * An HDF5 file opened for reading. h5wasm reports most failures silently or returns leftover memory as data, so every call
 * here checks return codes. Throws InputError with file, dataset, sample index and reason.
 */
export class Hdf5File {
  readonly path: string
  /** length of the file */
  readonly bytes: number
  private readonly library: Hdf5Library
  private readonly id: bigint
  /** bytes of one inflated chunk, of the datasets that were asked for */
  private readonly chunkBytes = new Map<string, number>()
  private names: ReadonlySet<string> | undefined

  private constructor(path: string, bytes: number, library: Hdf5Library, id: bigint) {
    this.path = path
    this.bytes = bytes
    this.library = library
    this.id = id
  }

  /** Opens `path`. Throws InputError if it is missing, a directory, not HDF5, truncated or damaged. */
  static async open(path: string): Promise<Hdf5File> {
    const { size } = checkInput(path, 'an HDF5 file')
    if (!isHdf5(path)) throw new InputError(`${path}: is not an HDF5 file`)
    const library = await loadHdf5()
    library.complaint()
    const id = library.open(path, 'read')
    const failure = library.systemFailure()
    const complaint = library.complaint()
    if (id < 0n && failure !== undefined) throw new InputError(`${path}: cannot be read (${failure})`)
    if (id < 0n) throw new InputError(`${path}: truncated or damaged HDF5 file (${complaint ?? 'no reason given'})`)
    return new Hdf5File(path, size, library, id)
  }

  /** Whether the file has a dataset (or anything else) with this name. */
  has(name: string): boolean {
    return this.typeOf(name) !== MISSING
  }

  /** Describes a dataset. Throws InputError if it is missing, a link, of an unsupported type, or has oversized chunks. */
  dataset(name: string): Hdf5Dataset {
    const { module } = this.library
    const path = `/${name}`
    const type = this.typeOf(name)
    if (type === MISSING) this.fail(name, 'is missing')
    const isSoftLink = type === SOFT_LINK || module.get_symbolic_link(this.id, path) !== null
    if (type === EXTERNAL_LINK || isSoftLink) this.fail(name, 'is a link, expected data stored in the file itself')
    if (type !== DATASET) this.fail(name, 'is not a dataset')
    const metadata = this.guard(name, () => module.get_dataset_metadata(this.id, path))
    if (metadata.virtual_sources) this.fail(name, 'is a virtual dataset, expected data stored in the file itself')
    const kind = this.kindOf(name, metadata)
    this.checkStorage(name, metadata)
    return { name, shape: metadata.shape ?? [], kind, elementBytes: metadata.size }
  }

  /**
   * Reads rows [first, first + rows) of the first axis as stored (booleans as int8 0 and 1, 64-bit integers as doubles).
   * Throws InputError with the sample index if its chunk is corrupt.
   */
  read(dataset: Hdf5Dataset, first: number, rows: number): NumericArray {
    const bytes = this.readBytes(dataset, first, rows, memory => memory.slice())
    return numbersOf(dataset.kind, bytes)
  }

  /** Reads a one-dimensional dataset of strings with variable or fixed length. */
  readStrings(dataset: Hdf5Dataset): string[] {
    if (dataset.kind !== 'string') this.fail(dataset.name, `holds ${dataset.kind}, expected strings`)
    if (dataset.shape.length !== 1) this.fail(dataset.name, `has shape (${dataset.shape}), expected one axis`)
    const { module } = this.library
    const isVariable = module.get_dataset_metadata(this.id, `/${dataset.name}`).vlen
    const rows = dataset.shape[0]!
    return this.readBytes(dataset, 0, rows, (memory, pointer) => {
      if (!isVariable) return fixedStrings(memory, dataset.elementBytes)
      const addresses = new Uint32Array(memory.slice().buffer)
      const strings = Array.from(addresses, address => stringAt(module.HEAPU8, address))
      module.reclaim_vlen_memory_count(this.id, `/${dataset.name}`, '', BigInt(pointer), [BigInt(rows)])
      return strings
    })
  }

  /** Names of all datasets and other members of the file, including links but not groups. Throws InputError if the file is damaged. */
  memberNames(): string[] {
    const { module } = this.library
    const names: string[] = this.guard('/', () => module.get_names(this.id, '/', true))
    return names.filter(name => this.typeOf(name) !== module.H5G_GROUP)
  }

  /** Describes a member, whether or not it can be read. */
  member(name: string): Hdf5Member {
    const { module } = this.library
    let kind: string | undefined
    let problem: string | undefined
    try {
      kind = this.dataset(name).kind
    } catch (error) {
      if (!(error instanceof InputError)) throw error
      problem = error.message.replace(`${this.path}: dataset '${name}' `, '')
    }
    const unknown = { name, shape: [], type: kind ?? 'unknown', chunks: null, filters: [] }
    if (this.typeOf(name) !== DATASET) return { ...unknown, ...(problem !== undefined && { problem }) }
    const { shape, chunks, size } = this.guard(name, () => module.get_dataset_metadata(this.id, `/${name}`))
    const filters = this.guard(name, () => module.get_dataset_filters(this.id, `/${name}`)).map(filterText)
    const type = kind ?? `${size * 8} bits`
    return { name, shape: shape ?? [], type, chunks, filters, ...(problem !== undefined && { problem }) }
  }

  /** Names of the root's attributes. */
  attributeNames(): ReadonlySet<string> {
    this.names ??= new Set(this.guard('/', () => this.library.module.get_attribute_names(this.id, '/')))
    return this.names
  }

  /** The numbers of a root attribute; undefined if there is none of that name, or it is not numeric. */
  attribute(name: string): number[] | undefined {
    const { module } = this.library
    if (!this.attributeNames().has(name)) return undefined
    const metadata = this.guard(name, () => module.get_attribute_metadata(this.id, '/', name))
    const { H5T_INTEGER, H5T_FLOAT } = module.H5T_class_t
    const isNumeric = metadata.type === H5T_INTEGER.value || metadata.type === H5T_FLOAT.value
    const bytes = metadata.size * metadata.total_size
    if (!isNumeric || bytes > ATTRIBUTE_LIMIT) return undefined
    const pointer = module._malloc(Math.max(bytes, 1))
    try {
      const code = this.guard(name, () => module.get_attribute_data(this.id, '/', name, BigInt(pointer)))
      if (code < 0) return undefined
      return [...numbersOf(this.kindOf(name, metadata), module.HEAPU8.slice(pointer, pointer + bytes))]
    } finally {
      module._free(pointer)
    }
  }

  close(): void {
    this.library.module.close_file(this.id)
  }

  /** HDF5's type of a member, `MISSING` if there is none. A disk that cannot be read is not taken for that. */
  private typeOf(name: string): number {
    return this.guard(name, () => this.library.module.get_type(this.id, `/${name}`), 'cannot be read')
  }

  private readBytes<T>(
    dataset: Hdf5Dataset,
    first: number,
    rows: number,
    use: (memory: Uint8Array, pointer: number) => T,
  ): T {
    const { name, shape } = dataset
    if (first < 0 || first + rows > (shape[0] ?? 0))
      this.fail(name, `has ${shape[0]} samples, asked for ${first}..${first + rows - 1}`)
    const count = [rows, ...shape.slice(1)]
    const bytes = count.reduce((product, axis) => product * axis, dataset.elementBytes)
    if (bytes > CHUNK_LIMIT) this.fail(name, `has ${rows} samples of ${bytes / rows} bytes, too many to read at once`)
    const { module } = this.library
    const pointer = module._malloc(Math.max(bytes, 1))
    if (pointer === 0) this.fail(name, `sample ${first}: out of memory (${bytes} bytes)`)
    try {
      this.library.complaint()
      const offset = count.map((_, axis) => (axis === 0 ? BigInt(first) : 0n))
      const stride = count.map(() => 1n)
      const path = `/${name}`
      const read = () => module.get_dataset_data(this.id, path, count.map(BigInt), offset, stride, BigInt(pointer))
      const budget = INFLATION * (this.chunkBytes.get(name) ?? 0) + SLACK
      const limited = (): number => this.library.limited(budget, () => this.library.withFilters(read))
      const code = this.guard(name, limited, `sample ${first} cannot be read`)
      const complaint = this.library.complaint()
      if (code < 0 || complaint) this.fail(name, `sample ${first} cannot be read (${complaint ?? `code ${code}`})`)
      // The call may grow the heap, which replaces its buffer.
      return use(module.HEAPU8.subarray(pointer, pointer + bytes), pointer)
    } finally {
      module._free(pointer)
    }
  }

  private checkStorage(name: string, metadata: Metadata): void {
    const { module } = this.library
    const rowBytes = (metadata.shape ?? []).slice(1).reduce((product, axis) => product * axis, metadata.size)
    const chunkBytes = (metadata.chunks ?? []).reduce((product, axis) => product * axis, metadata.size)
    this.chunkBytes.set(name, chunkBytes)
    const largest = Math.max(rowBytes, chunkBytes)
    if (largest > CHUNK_LIMIT)
      this.fail(name, `has chunks or samples of ${largest} bytes, at most ${CHUNK_LIMIT} can be read`)
    for (const filter of this.guard(name, () => module.get_dataset_filters(this.id, `/${name}`)))
      if (!this.library.canUndo(filter.id))
        this.fail(name, `is compressed with ${filter.name || `filter ${filter.id}`}; gzip and lzf are supported`)
  }

  private kindOf(name: string, metadata: Metadata): ElementKind {
    const { H5T_INTEGER, H5T_FLOAT, H5T_STRING, H5T_ENUM } = this.library.module.H5T_class_t
    if (metadata.type === H5T_STRING.value) return 'string'
    const base = metadata.type === H5T_ENUM.value ? metadata.enum_type!.type : metadata.type
    const bits = metadata.size * 8
    const members = metadata.enum_type?.members
    if (members && metadata.size === 1 && members.FALSE === 0 && members.TRUE === 1) return 'bool'
    if (base === H5T_INTEGER.value && [8, 16, 32, 64].includes(bits))
      return `${metadata.signed ? '' : 'u'}int${bits}` as ElementKind
    if (base === H5T_FLOAT.value && (bits === 32 || bits === 64)) return `float${bits}` as ElementKind
    if (base === H5T_FLOAT.value) this.fail(name, `holds float${bits}, expected float32 or float64`)
    return this.fail(name, `holds elements of HDF5 class ${metadata.type}, expected numbers or strings`)
  }

  /** h5wasm throws only if a header is damaged; what the disk refuses may look like an absent member. */
  private guard<T>(name: string, call: () => T, what = 'is damaged'): T {
    this.library.complaint()
    let thrown: unknown
    try {
      const result = this.library.limited(HEADERS, call)
      if (this.library.systemFailure() === undefined) return result
    } catch (error) {
      thrown = error
    }
    const failure = this.library.systemFailure()
    if (failure !== undefined) this.fail(name, `${what === 'is damaged' ? 'cannot be read' : what} (${failure})`)
    return this.fail(name, `${what} (${this.library.complaint() ?? (thrown as Error).message})`)
  }

  private fail(name: string, reason: string): never {
    throw new InputError(`${this.path}: dataset '${name}' ${reason}`)
  }
}

function filterText({ id, name, cd_values }: { id: number; name: string; cd_values: number[] }): string {
  if (id === GZIP) return `gzip ${cd_values[0]}`
  return name.split(';')[0] || `filter ${id}`
}

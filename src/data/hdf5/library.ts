import { createRequire } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { errnoForFilters } from './filter_errno.ts'
import { limitedMemory, MemoryLimitError } from './memory_limit.ts'

type H5wasm = typeof import('h5wasm/node')
type Hdf5Module = H5wasm['Module']

/** The parts of Emscripten's file system that are intercepted here. */
interface FileSystem {
  ErrnoError: new (errno: number) => Error
  open(path: string, ...rest: unknown[]): unknown
  readdir(path: string): string[]
  write(stream: { fd: number }, bytes: Uint8Array, offset: number, length: number, ...rest: unknown[]): number
}

/** Filters outside HDF5 itself: registered number → name in the files of h5wasm-plugins. */
const PLUGINS: Readonly<Record<number, string>> = {
  307: 'bz2',
  32000: 'lzf',
  32001: 'blosc',
  32004: 'lz4',
  32008: 'bshuf',
  32013: 'zfp',
  32015: 'zstd',
  32026: 'blosc2',
}
const LAST_BUILT_IN_FILTER = 6 // gzip, shuffle, fletcher32, szip, nbit, scaleoffset

const STANDARD_ERROR = 2
const PERMISSION_DENIED = 2 // EACCES in WASI's numbering

/**
 * HDF5 compiled to WebAssembly, one instance per thread, with two additions: it can open only the requested file, and its
 * error messages reach the caller instead of standard error.
 */
export interface Hdf5Library {
  module: Hdf5Module
  /** Opens `path`; a negative id means failure. Files that `path` refers to cannot be opened. */
  open(path: string, mode: 'read' | 'create' | 'append'): bigint
  /** Whether chunks with this filter can be read. A plugin is loaded with the first such chunk. */
  canUndo(filter: number): boolean
  /** Runs a call that may load a filter plugin. */
  withFilters<T>(call: () => T): T
  /** Runs a call during which the library's memory may grow by so many bytes; throws if it needs more. */
  limited<T>(bytes: number, call: () => T): T
  /** Why the system refused a read since the last call of `complaint`; undefined if it did not. */
  systemFailure(): string | undefined
  /** The root cause of HDF5's errors since the last call, or undefined if there were none. */
  complaint(): string | undefined
}

let library: Promise<Hdf5Library> | undefined

/** Loads the library on first use, which takes about a third of a second. */
export function loadHdf5(): Promise<Hdf5Library> {
  library ??= start()
  return library
}

async function start(): Promise<Hdf5Library> {
  const h5wasm = await import('h5wasm/node')
  const module = await h5wasm.ready
  const files = module.FS as unknown as FileSystem
  // Without a handler the library writes to standard error.
  Object.assign(module, { onAbort: giveUp })
  const complaints = captureComplaints(files)
  const { admit, admitPlugin } = guardOpen(files, usePlugins(module))
  const open = (path: string, mode: 'read' | 'create' | 'append'): bigint => {
    const flags = { read: module.H5F_ACC_RDONLY, create: module.H5F_ACC_TRUNC, append: module.H5F_ACC_RDWR }
    admit(resolve(path))
    try {
      // Oldest format: every HDF5 since 1.8 reads it, and its object headers have no checksum (see writer.ts).
      return module.open(path, flags[mode], false, module.H5F_LIBVER_EARLIEST, module.H5F_LIBVER_V110)
    } finally {
      admit(undefined)
    }
  }
  const canUndo = (filter: number): boolean => {
    const plugin = PLUGINS[filter]
    if (plugin !== undefined) admitPlugin(`libH5Z${plugin}.so`)
    return filter <= LAST_BUILT_IN_FILTER || plugin !== undefined
  }
  const withFilters = errnoForFilters(module)
  const limitMemory = limitedMemory(module)
  // Complaints of an exceeded limit are about its consequences.
  const limited = <T>(bytes: number, call: () => T): T => {
    try {
      return limitMemory(bytes, call)
    } catch (error) {
      if (error instanceof MemoryLimitError) complaints.length = 0
      throw error
    }
  }
  return {
    module,
    open,
    canUndo,
    withFilters,
    limited,
    complaint: () => reasonOf(complaints.splice(0).join('')),
    systemFailure: () => systemReason(complaints.join('')),
  }
}

function giveUp(reason: string): never {
  throw new Error(`HDF5 or one of its filters aborted: ${reason.split('. ')[0]}`)
}

/** Makes the folder of h5wasm-plugins the only one that HDF5 searches for filters. */
function usePlugins(module: Hdf5Module): string {
  const folder = join(dirname(createRequire(import.meta.url).resolve('h5wasm-plugins')), 'plugins')
  while (module.get_plugin_search_paths().length > 0) module.remove_plugin_search_path(0)
  module.insert_plugin_search_path(folder, 0)
  return folder
}

/**
 * Restricts which files HDF5 can open: external links, external storage and virtual datasets would let a file read any other file on this
 * machine. Also hides plugins that were not requested, because HDF5 loads every plugin in its folder until it finds the filter.
 */
function guardOpen(files: FileSystem, plugins: string) {
  const { open, readdir } = files
  const listed = new Set<string>()
  let admitted: string | undefined
  const isPlugin = (path: string): boolean =>
    path === plugins || (dirname(path) === plugins && listed.has(basename(path)))
  files.open = (path, ...rest) => {
    const wanted = resolve(path)
    if (wanted !== admitted && !isPlugin(wanted)) throw new files.ErrnoError(PERMISSION_DENIED)
    return open(path, ...rest)
  }
  files.readdir = path => (resolve(path) === plugins ? ['.', '..', ...listed] : readdir(path))
  return {
    admit: (path: string | undefined): void => {
      admitted = path
    },
    admitPlugin: (name: string): void => void listed.add(name),
  }
}

function captureComplaints(files: FileSystem): string[] {
  const write = files.write
  const complaints: string[] = []
  files.write = (stream, bytes, offset, length, ...rest) => {
    if (stream.fd !== STANDARD_ERROR) return write(stream, bytes, offset, length, ...rest)
    complaints.push(Buffer.from(bytes.slice(offset, offset + length)).toString('latin1'))
    return length
  }
  return complaints
}

function systemReason(text: string): string | undefined {
  return /error message = '([^']*)'/.exec(text)?.[1]
}

/** HDF5 prints its call stack, outermost call first; the last entry is the cause. */
function reasonOf(text: string): string | undefined {
  if (text === '') return undefined
  const system = systemReason(text)
  if (system !== undefined) return system
  const last = [...text.matchAll(/#\d+: .* in \w+\(\): (.*)/g)].at(-1)
  return last?.[1] ?? text.trim().split('\n')[0]
}

import { existsSync, realpathSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { InputError, messageOf } from '../util/error.ts'
import { PACKAGE_ROOT } from '../util/package_root.ts'
import type { Family, Launch } from './launcher.ts'

/** The address of memory, or the memory. */
export type Pointer = bigint | ArrayBufferView | null
/** Open MPI's handles are addresses, MPICH's are integers. */
export type Handle = bigint | number

interface NativeLibrary {
  symbol(name: string): bigint
  func(name: string, result: string, parameters: readonly string[]): (...values: unknown[]) => number
}

/** The part of koffi that is used here. It is installed by those who have several GPUs, so its own types are not at hand. */
interface Koffi {
  load(path: string, options: { global: boolean }): NativeLibrary
}

/** libmpi of this machine, with what its header would define. */
export interface MpiLibrary {
  path: string
  native: NativeLibrary
  /** C's type of a handle */
  handle: 'void *' | 'int'
  world: Handle
  byte: Handle
  float: Handle
  errorsReturn: Handle
  inPlace: bigint
  statusIgnore: bigint
}

/** A library by its version of the binary interface: libmpi.so.12 is the one that MPICH, Intel MPI, MVAPICH and Cray agreed on. */
const NAMES: Readonly<Record<Family, readonly string[]>> = {
  'Open MPI': ['libmpi.so.40', 'libmpi.40.dylib'],
  MPICH: ['libmpi.so.12', 'libmpich.so.12', 'libmpi_cray.so.12', 'libmpi.12.dylib'],
}
/** What brings mpirun and the library. */
export const INSTALL_MPI = 'install Open MPI or MPICH (apt install openmpi-bin)'

/**
 * Loads the MPI library that the launcher belongs to.
 * @throws InputError if koffi or the library is missing
 */
export function loadMpi({ launcher, families }: Launch): MpiLibrary {
  const koffi = loadKoffi()
  for (const family of families)
    for (const path of pathsOf(family)) {
      const native = loaded(koffi, path)
      if (native) return described(native, path)
    }
  const names = families.flatMap(family => NAMES[family].filter(name => name.includes('.so')))
  throw new InputError(`${launcher} started this process, but no ${names.join(' or ')} can be loaded: ${INSTALL_MPI}`)
}

/** Throws InputError if it is missing. */
export function loadKoffi(): Koffi {
  try {
    return createRequire(import.meta.url)('koffi') as Koffi
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND')
      throw new InputError(`the package koffi cannot be loaded: ${messageOf(error)}`)
    throw new InputError(
      `MPI needs the package koffi: run npm install --no-save --save-prod koffi@3 in ${PACKAGE_ROOT}`,
    )
  }
}

/** First beside the programs of the installation that PATH names, then where the system's loader looks. */
function pathsOf(family: Family): string[] {
  const names = NAMES[family]
  const { PATH = '', I_MPI_ROOT } = process.env
  const programs = PATH.split(delimiter).flatMap(folder => ['mpirun', 'mpiexec'].map(name => join(folder, name)))
  const roots = programs.filter(path => existsSync(path)).map(path => dirname(dirname(realpathSync(path))))
  if (I_MPI_ROOT) roots.push(I_MPI_ROOT)
  const folders = [...new Set(roots)].flatMap(root => ['lib', 'lib64', 'lib/release'].map(name => join(root, name)))
  const beside = folders.flatMap(folder => names.map(name => join(folder, name)))
  return [...beside.filter(path => existsSync(path)), ...names]
}

function loaded(koffi: Koffi, path: string): NativeLibrary | undefined {
  try {
    return koffi.load(path, { global: true }) // Open MPI loads plug-ins, which use its symbols
  } catch {
    return undefined
  }
}

function described(native: NativeLibrary, path: string): MpiLibrary {
  if (!hasSymbol(native, 'ompi_mpi_comm_world'))
    return {
      path,
      native,
      handle: 'int',
      world: 0x44000000,
      byte: 0x4c00010d,
      float: 0x4c00040a,
      errorsReturn: 0x54000001,
      inPlace: 2n ** 64n - 1n,
      statusIgnore: 1n,
    }
  return {
    path,
    native,
    handle: 'void *',
    world: native.symbol('ompi_mpi_comm_world'),
    byte: native.symbol('ompi_mpi_byte'),
    float: native.symbol('ompi_mpi_float'),
    errorsReturn: native.symbol('ompi_mpi_errors_return'),
    inPlace: 1n,
    statusIgnore: 0n,
  }
}

function hasSymbol(native: NativeLibrary, name: string): boolean {
  try {
    return native.symbol(name) !== 0n
  } catch {
    return false
  }
}

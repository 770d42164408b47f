type Hdf5Module = typeof import('h5wasm/node')['Module']

/** The part of WebAssembly that is used here; TypeScript declares it for browsers only. */
interface Memory {
  readonly buffer: ArrayBufferLike
  grow(pages: number): number
}

const PAGE = 2 ** 16 // bytes
const OVERGROWTH = 1.06 // Emscripten asks for at least 5 % more than it needs

const EXCEEDED = 'takes more memory than its header states'

export class MemoryLimitError extends Error {
  override name = 'MemoryLimitError'
}

/**
 * Limits by how many bytes the library's memory may grow during a call. Reason: a chunk may inflate to any size, whatever the header says, and
 * the library has no call that tells how large a chunk is before it is inflated. Its allocation then fails as on a full memory, which HDF5 and
 * its filters report; the memory never shrinks, so without a limit one damaged file would keep 2 GB.
 */
export function limitedMemory(module: Hdf5Module): <T>(bytes: number, call: () => T) => T {
  const { Memory } = (globalThis as unknown as { WebAssembly: { Memory: { prototype: Memory } } }).WebAssembly
  const { grow } = Memory.prototype
  return (bytes, call) => {
    const limit = OVERGROWTH * module.HEAPU8.length + bytes
    const { write } = process.stderr
    let isExceeded = false
    process.stderr.write = () => true // Emscripten prints a refusal, and names that are not UTF-8
    Memory.prototype.grow = function (this: Memory, pages: number): number {
      const isOurs = this.buffer === module.HEAPU8.buffer
      if (isOurs && this.buffer.byteLength + pages * PAGE > limit) {
        isExceeded = true
        throw new RangeError('the limit of this call is reached')
      }
      return grow.call(this, pages)
    }
    try {
      const result = call()
      if (isExceeded) throw new MemoryLimitError(EXCEEDED)
      return result
    } catch (error) {
      throw isExceeded ? new MemoryLimitError(EXCEEDED) : error
    } finally {
      Memory.prototype.grow = grow
      process.stderr.write = write
    }
  }
}

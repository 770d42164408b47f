import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { type ImageSize, sizeOf } from '../util/shape.ts'
import { removeFile, WriteError, writing } from '../util/whole_file.ts'

const AT_ONCE = 2 ** 26 // bytes; a system call transfers less than 2 GiB

/** Volumes (S, H, W, D) of float32, 0 until they are written. Kept in memory up to a limit, else in a file. */
export class VolumeStore {
  readonly structures: number
  readonly size: ImageSize
  private readonly memory: Float32Array | undefined
  private readonly path: string
  private readonly file: number | undefined

  /** More than `limit` bytes go to a file at `path`, which `close` removes. */
  constructor(structures: number, size: ImageSize, path: string, limit: number) {
    this.structures = structures
    this.size = size
    this.path = path
    const elements = structures * sizeOf(size)
    const isSmall = 4 * elements <= limit
    this.memory = isSmall ? new Float32Array(elements) : undefined
    this.file = isSmall ? undefined : writing(path, () => openSync(path, 'w+'))
    if (!isSmall) writing(path, () => ftruncateSync(this.file!, 4 * elements))
  }

  /** Row h of structure s, (W, D). */
  put(s: number, h: number, values: Float32Array): void {
    const start = s * sizeOf(this.size) + h * values.length
    if (this.memory) this.memory.set(values, start)
    else this.transfer((bytes, position) => writeSync(this.file!, bytes, 0, bytes.length, position), values, 4 * start)
  }

  /** Structure s, (H, W, D): a view of the memory, or read from the file at each call. */
  volume(s: number): Float32Array {
    const voxels = sizeOf(this.size)
    if (this.memory) return this.memory.subarray(s * voxels, (s + 1) * voxels)
    const values = new Float32Array(voxels)
    this.transfer((bytes, position) => readSync(this.file!, bytes, 0, bytes.length, position), values, 4 * s * voxels)
    return values
  }

  /** Changes structure s in place. */
  update(s: number, change: (values: Float32Array) => void): void {
    const values = this.volume(s)
    change(values)
    const start = 4 * s * sizeOf(this.size)
    if (!this.memory)
      this.transfer((bytes, position) => writeSync(this.file!, bytes, 0, bytes.length, position), values, start)
  }

  close(): void {
    if (this.file === undefined) return
    closeSync(this.file)
    removeFile(this.path)
  }

  private transfer(move: (bytes: Uint8Array, position: number) => number, values: Float32Array, start: number): void {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
    for (let done = 0; done < bytes.length; ) {
      const moved = writing(this.path, () => move(bytes.subarray(done, done + AT_ONCE), start + done))
      if (moved === 0) throw new WriteError(`${this.path}: ends at byte ${start + done}`)
      done += moved
    }
  }
}

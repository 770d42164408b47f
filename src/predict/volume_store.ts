import { Scratch } from '../host/scratch.ts'
import { type ImageSize, sizeOf } from '../util/shape.ts'

/** Volumes (S, H, W, D) of float32, 0 until they are written. Kept in memory up to a limit, else in a file. */
export class VolumeStore {
  readonly structures: number
  readonly size: ImageSize
  private readonly memory: Float32Array | undefined
  private readonly scratch: Scratch | undefined

  /** More than `limit` bytes go to a file at `path`, which `close` removes. */
  constructor(structures: number, size: ImageSize, path: string, limit: number) {
    this.structures = structures
    this.size = size
    const elements = structures * sizeOf(size)
    const isSmall = 4 * elements <= limit
    this.memory = isSmall ? new Float32Array(elements) : undefined
    this.scratch = isSmall ? undefined : new Scratch(path, 4 * elements)
  }

  /** Row h of structure s, (W, D). */
  put(s: number, h: number, values: Float32Array): void {
    const start = s * sizeOf(this.size) + h * values.length
    this.memory?.set(values, start)
    this.scratch?.write(bytesOf(values), 4 * start)
  }

  /** Structure s, (H, W, D): a view of the memory, or read from the file at each call. */
  volume(s: number): Float32Array {
    const voxels = sizeOf(this.size)
    if (this.memory) return this.memory.subarray(s * voxels, (s + 1) * voxels)
    const values = new Float32Array(voxels)
    this.scratch!.read(bytesOf(values), 4 * s * voxels)
    return values
  }

  /** Changes structure s in place. */
  update(s: number, change: (values: Float32Array) => void): void {
    const values = this.volume(s)
    change(values)
    this.scratch?.write(bytesOf(values), 4 * s * sizeOf(this.size))
  }

  close(): void {
    this.scratch?.close()
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

/** Host memory of one batch. */
export interface HostBuffers {
  images: Float32Array // (B, C, H, W, D)
  maskBits: Uint32Array // (B, S, V/32)
}

export interface BufferSizes {
  /** numbers */
  images: number
  /** words */
  maskBits: number
}

/** Lends batch buffers and takes them back for reuse. */
export class HostBufferPool {
  /** of all buffers, lent or free */
  bytes = 0
  private readonly isShared: boolean
  private readonly free: HostBuffers[] = []
  /** Minimum number of free buffers since the last `trim`. */
  private idle = 0

  /** `isShared`: other threads write to the buffers. */
  constructor(isShared: boolean) {
    this.isShared = isShared
  }

  /** The buffers are not cleared. */
  take(sizes: BufferSizes): HostBuffers {
    const at = this.free.findLastIndex(
      ({ images, maskBits }) => images.length === sizes.images && maskBits.length === sizes.maskBits,
    )
    const [found] = at < 0 ? [] : this.free.splice(at, 1)
    this.idle = Math.min(this.idle, this.free.length)
    if (found) return found
    const made = {
      images: new Float32Array(this.memory(sizes.images * 4)),
      maskBits: new Uint32Array(this.memory(sizes.maskBits * 4)),
    }
    this.bytes += bufferBytes(made)
    return made
  }

  recycle(buffers: HostBuffers): void {
    this.free.push(buffers)
  }

  /** Frees as many buffers as stayed unused since the last call, oldest first. */
  trim(): void {
    for (const buffers of this.free.splice(0, this.idle)) this.bytes -= bufferBytes(buffers)
    this.idle = this.free.length
  }

  private memory(bytes: number): ArrayBufferLike {
    return this.isShared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes)
  }
}

function bufferBytes({ images, maskBits }: HostBuffers): number {
  return images.byteLength + maskBits.byteLength
}

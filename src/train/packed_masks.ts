import type { StructureMask } from '../data/dicom_segmentation.ts'

/** Masks of one grid kept at a bit a voxel. They are unpacked one at a time, the last one being kept. */
export class PackedMasks {
  private readonly voxels: number
  private readonly packed: { name: string; bits: Uint8Array }[] = []
  private unpacked: { of: number; mask: Uint8Array } | undefined

  constructor(voxels: number) {
    this.voxels = voxels
  }

  add(name: string, mask: Uint8Array): void {
    const bits = new Uint8Array(Math.ceil(this.voxels / 8))
    for (let v = 0; v < mask.length; v++) bits[v >>> 3]! |= mask[v]! << (v & 7)
    this.packed.push({ name, bits })
  }

  /** Views that unpack when they are looked at; what one gave is valid until another is. */
  views(): StructureMask[] {
    const unpack = (index: number): Uint8Array => this.unpack(index)
    return this.packed.map(({ name }, index) => ({
      name,
      get mask() {
        return unpack(index)
      },
    }))
  }

  private unpack(index: number): Uint8Array {
    if (this.unpacked?.of === index) return this.unpacked.mask
    const mask = this.unpacked?.mask ?? new Uint8Array(this.voxels)
    const { bits } = this.packed[index]!
    for (let v = 0; v < mask.length; v++) mask[v] = (bits[v >>> 3]! >>> (v & 7)) & 1
    this.unpacked = { of: index, mask }
    return mask
  }
}

import { ContractError } from '../../../util/error.ts'
import { writeWhole } from '../../../util/whole_file.ts'
import { SEGMENTATION_CLASS, type SegmentFrame, segmentationElements } from './segmentation_elements.ts'
import type { DicomSource } from './source.ts'
import { TAG } from './tags.ts'
import { encodeFile, newUid } from './writer.ts'

/**
 * A DICOM Segmentation (PS3.3, A.51): BINARY, one segment per structure in the order of `add`. Each frame refers to its source slice; empty
 * frames are omitted, so an empty structure is a segment without frames. Patient, study and frame of reference are the source's. In memory,
 * a mask takes one bit per voxel of its non-empty slices.
 */
export class DicomSegmentation {
  private readonly source: DicomSource
  private readonly names: string[] = []
  private readonly frames: SegmentFrame[] = []
  private readonly taken: Uint8Array // one bit per voxel: whether any structure has it
  private readonly bits = new BitWriter()
  private isOverlapping = false

  constructor(source: DicomSource) {
    this.source = source
    this.taken = new Uint8Array(Math.ceil((source.rows * source.columns * source.slices.length) / 8))
  }

  /**
   * `mask` is (I, J, K) on the grid of the series, like a scan's values (columns, rows, slices; slices fastest), nonzero inside the
   * structure. Throws ContractError if it has another size.
   */
  add(name: string, mask: Uint8Array): void {
    const { rows, columns, slices } = this.source
    const depth = slices.length
    if (mask.length !== rows * columns * depth)
      throw new ContractError('DicomSegmentation', name, mask.length, `${rows * columns * depth} voxels`)
    const filled = this.mark(mask, depth)
    for (const slice of filled) this.frames.push({ segment: this.names.length, slice })
    this.names.push(name)
    // One bit per voxel, row by row, without gaps between frames (PS3.5, 8.2).
    this.bits.append(filled.length * rows * columns, put => {
      for (const slice of filled)
        for (let j = 0; j < rows; j++) for (let i = 0; i < columns; i++) put(mask[(i * rows + j) * depth + slice]!)
    })
  }

  /** Writes the file atomically. Throws ContractError if no structure was added. */
  write(path: string): void {
    const { names, source, isOverlapping } = this
    if (names.length === 0) throw new ContractError('DicomSegmentation', 'structures', names, 'at least one')
    // DICOM does not allow an object without frames, so if all structures are empty, one empty frame is written.
    const isEmpty = this.frames.length === 0
    const frames = isEmpty ? [{ segment: 0, slice: 0 }] : this.frames
    const pixels = isEmpty ? Buffer.alloc(Math.ceil((source.rows * source.columns) / 8)) : this.bits.bytes()
    const instance = newUid()
    const elements = segmentationElements(instance, source, { names, frames, isOverlapping })
    writeWhole(path, [encodeFile(SEGMENTATION_CLASS, instance, [...elements, [TAG.PixelData, 'OB', pixels]])])
  }

  /** Marks a mask's voxels as taken; returns the slices that have any. */
  private mark(mask: Uint8Array, depth: number): number[] {
    const filled = new Uint8Array(depth)
    for (let v = 0; v < mask.length; v++) {
      if (!mask[v]) continue
      const bit = 1 << (v & 7)
      if (this.taken[v >>> 3]! & bit) this.isOverlapping = true
      this.taken[v >>> 3]! |= bit
      filled[v % depth] = 1
    }
    return [...filled.keys()].filter(slice => filled[slice])
  }
}

/** Packs consecutive bits into bytes, lowest bit first. */
class BitWriter {
  private readonly pieces: Buffer[] = []
  private unfinished = 0 // the last byte
  private used = 0 // bits of it

  append(count: number, write: (put: (value: number) => void) => void): void {
    let bit = this.used
    const piece = Buffer.alloc(Math.ceil((bit + count) / 8))
    if (bit > 0) piece[0] = this.unfinished
    write(value => {
      if (value) piece[bit >>> 3]! |= 1 << (bit & 7)
      bit++
    })
    this.used = bit & 7
    const whole = bit >>> 3
    this.unfinished = this.used > 0 ? piece[whole]! : 0
    this.pieces.push(piece.subarray(0, whole))
  }

  bytes(): Buffer {
    return Buffer.concat(this.used > 0 ? [...this.pieces, Buffer.of(this.unfinished)] : this.pieces)
  }
}

import { ContractError } from '../util/error.ts'
import { writeWhole } from '../util/whole_file.ts'
import { SEGMENTATION_CLASS, type SegmentFrame, segmentationElements } from './dicom_segment_elements.ts'
import type { DicomSource } from './dicom_source.ts'
import { TAG } from './dicom_tags.ts'
import { encodeFile, newUid } from './dicom_writer.ts'

/** A structure and its voxels on the grid of the series. */
export interface StructureMask {
  name: string
  mask: Uint8Array // (I, J, K) as a scan's values: columns, rows, slices, the last fastest; not 0 where the structure is
}

/**
 * Writes masks as a DICOM Segmentation (PS3.3, A.51): BINARY, one segment a structure in their order, planes without a voxel left out,
 * each plane naming the slice it is of. Patient, study and frame of reference are the source's. A structure that is empty is a segment
 * without planes. The file appears whole or not at all. Throws ContractError when a mask has another size than the series.
 */
export function writeDicomSegmentation(path: string, source: DicomSource, structures: readonly StructureMask[]): void {
  const { rows, columns, slices } = source
  const voxels = rows * columns * slices.length
  if (structures.length === 0) throw new ContractError('writeDicomSegmentation', 'structures', [], 'at least one')
  for (const { name, mask } of structures)
    if (mask.length !== voxels) throw new ContractError('writeDicomSegmentation', name, mask.length, `${voxels} voxels`)
  const frames = filledFrames(structures, slices.length)
  const instance = newUid()
  const names = structures.map(({ name }) => name)
  const elements = segmentationElements(instance, source, { names, frames, isOverlapping: overlap(structures) })
  const pixels = packBits(structures, source, frames)
  writeWhole(path, encodeFile(SEGMENTATION_CLASS, instance, [...elements, [TAG.PixelData, 'OB', pixels]]))
}

/** By segment, then by slice. An object without a plane is not allowed: of nothing at all, one empty plane is kept. */
function filledFrames(structures: readonly StructureMask[], depth: number): SegmentFrame[] {
  const frames = structures.flatMap(({ mask }, segment) => {
    const filled = new Uint8Array(depth)
    for (let v = 0; v < mask.length; v++) if (mask[v]) filled[v % depth] = 1
    return [...filled.keys()].filter(slice => filled[slice]).map(slice => ({ segment, slice }))
  })
  return frames.length > 0 ? frames : [{ segment: 0, slice: 0 }]
}

/** One bit a voxel, row by row, the planes without gaps between them (PS3.5, 8.2). */
function packBits(structures: readonly StructureMask[], source: DicomSource, frames: readonly SegmentFrame[]): Buffer {
  const { rows, columns, slices } = source
  const bytes = Buffer.alloc(Math.ceil((frames.length * rows * columns) / 8))
  let bit = 0
  for (const { segment, slice } of frames) {
    const { mask } = structures[segment]!
    for (let j = 0; j < rows; j++)
      for (let i = 0; i < columns; i++, bit++)
        if (mask[(i * rows + j) * slices.length + slice]) bytes[bit >>> 3]! |= 1 << (bit & 7)
  }
  return bytes
}

function overlap(structures: readonly StructureMask[]): boolean {
  const taken = new Uint8Array(structures[0]!.mask.length)
  return structures.some(({ mask }) => {
    const isShared = mask.some((value, v) => value !== 0 && taken[v] !== 0)
    for (let v = 0; v < mask.length; v++) if (mask[v]) taken[v] = 1
    return isShared
  })
}

import type { Split } from '../data/dataset/split.ts'
import type { DicomSource } from '../data/scan/dicom/source.ts'
import { Frame, sizeToCut } from '../data/scan/frame.ts'
import type { FrameRule } from '../data/scan/preparation.ts'
import type { ScanGrid } from '../data/scan/scan.ts'
import type { ImageSize } from '../util/shape.ts'

/** A scan or a stored sample, without its voxels. */
export interface SubjectPlace {
  /** position in the input */
  index: number
  /** empty if it has no name */
  name: string
  /** maps between the grid of its masks and the grid of the prediction */
  frame: Frame
  /** of the masks */
  grid: ScanGrid
  /** of a voxel of `grid`; undefined if the voxel size is unknown */
  millilitres: number | undefined
  /** only for DICOM series */
  dicom?: DicomSource
  /** in which respects it is unlike the training scans */
  warnings: readonly string[]
}

export interface Subject extends SubjectPlace {
  volume: Float32Array // (C, H, W, D) on the frame's grid, intensities 0..255
}

/** The subjects to predict, read one after another. */
export interface Subjects {
  count: number
  /** only for HDF5: what is stored */
  stored?: Pick<Split, 'path' | 'imageSize' | 'spacing'>
  nameOf(index: number): string
  /** for messages: its path, and its position within an HDF5 file */
  whereIs(index: number): string
  /** Throws InputError with file and reason. */
  read(index: number): Subject
  close(): void
}

/** The input grid of a model. */
export interface ModelGrid {
  path: string
  channels: number
  size: ImageSize
  /** sliding windows of `size` over the whole scan; otherwise one volume of `size` */
  isSlidOver: boolean
}

/** A frame on the model's grid, or for sliding windows on a grid that covers the whole scan. */
export function frameFor(grid: ScanGrid, rule: FrameRule, model: ModelGrid, to?: ImageSize): Frame {
  return new Frame(grid, rule, to ?? (model.isSlidOver ? sizeToCut(grid, rule, model.size) : model.size))
}

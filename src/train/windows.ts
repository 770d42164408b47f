import type { ImageSize } from '../data/dataset/volumes.ts'

/** The importance of a window's voxel falls off by exp(−d²/2σ²) from its centre, σ being this share of the window (as MONAI and nnU-Net have it). */
const SIGMA = 1 / 8

/** Where windows begin along an axis: as few as overlap by `overlap` of their length or more, at even distances from end to end. */
export function windowStarts(length: number, window: number, overlap: number): number[] {
  const stride = Math.max(1, Math.floor(window * (1 - overlap)))
  const steps = Math.ceil((length - window) / stride)
  return Array.from({ length: steps + 1 }, (_, i) => (steps === 0 ? 0 : Math.round((i * (length - window)) / steps)))
}

/** First voxels of the windows over a grid, in order, the last axis fastest. */
export function windowsOver(grid: ImageSize, window: ImageSize, overlap: number): ImageSize[] {
  const [rows, columns, slices] = grid.map((length, axis) => windowStarts(length, window[axis]!, overlap))
  return rows!.flatMap(h => columns!.flatMap(w => slices!.map((d): ImageSize => [h, w, d])))
}

/** A window's importance along one axis; that of a voxel is the product over the axes. */
export function importance(window: number): Float64Array {
  return Float64Array.from({ length: window }, (_, i) =>
    Math.exp(-0.5 * ((i - (window - 1) / 2) / (SIGMA * window)) ** 2),
  )
}

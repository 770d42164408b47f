import type { ImageSize } from '../util/shape.ts'
import type { VolumeStore } from './volume_store.ts'

/**
 * Blends overlapping windows into volumes (S, …grid). Each voxel is the mean over its windows, weighted by importance. Windows arrive in the
 * order of `windowsOver`; rows of the first axis that are complete go to the store, so only the rows of one window stay in memory.
 */
export class WindowBlend {
  private readonly grid: ImageSize
  private readonly window: ImageSize
  private readonly store: VolumeStore
  /** row h of the grid lies at h modulo the window's height */
  private readonly sums: Float32Array // (S, H of the window, W, D)
  private readonly importances: Float64Array[]
  /** total weight of all windows along each axis; a voxel's weight is the product */
  private readonly weights: Float64Array[]
  /** the first row not yet in the store */
  private row = 0

  constructor(grid: ImageSize, window: ImageSize, corners: readonly ImageSize[], store: VolumeStore) {
    this.grid = grid
    this.window = window
    this.store = store
    this.sums = new Float32Array(store.structures * window[0] * grid[1] * grid[2])
    this.importances = window.map(importance)
    this.weights = grid.map((length, axis) => {
      const sums = new Float64Array(length)
      for (const start of new Set(corners.map(corner => corner[axis]!)))
        for (const [i, weight] of this.importances[axis]!.entries()) sums[start + i]! += weight
      return sums
    })
  }

  /** `values` is (S, …window). */
  add(corner: ImageSize, values: Float32Array): void {
    this.flush(corner[0])
    const [height, width, depth] = this.window
    const [, across, along] = this.grid
    const [rows, columns, slices] = this.importances as [Float64Array, Float64Array, Float64Array]
    let from = 0
    for (let s = 0; s < this.store.structures; s++)
      for (let h = 0; h < height; h++)
        for (let w = 0; w < width; w++) {
          const row = s * height + ((corner[0] + h) % height)
          const to = (row * across + corner[1] + w) * along + corner[2]
          const weight = rows[h]! * columns[w]!
          for (let d = 0; d < depth; d++) this.sums[to + d]! += weight * slices[d]! * values[from++]!
        }
  }

  /** Stores the remaining rows after the last window. */
  finish(): void {
    this.flush(this.grid[0])
  }

  /** Stores the rows before `end`, which are complete. */
  private flush(end: number): void {
    const area = this.grid[1] * this.grid[2]
    for (; this.row < end; this.row++)
      for (let s = 0; s < this.store.structures; s++) {
        const start = (s * this.window[0] + (this.row % this.window[0])) * area
        const sums = this.sums.subarray(start, start + area)
        this.store.put(s, this.row, this.mean(sums))
        sums.fill(0)
      }
  }

  private mean(sums: Float32Array): Float32Array {
    const [rows, columns, slices] = this.weights as [Float64Array, Float64Array, Float64Array]
    const [, across, along] = this.grid
    const means = new Float32Array(sums.length)
    for (let w = 0, at = 0; w < across; w++) {
      const weight = rows[this.row]! * columns[w]!
      for (let d = 0; d < along; d++, at++) means[at] = sums[at]! / (weight * slices[d]!)
    }
    return means
  }
}

/** Importance decreases as exp(−d²/2σ²) from the window's centre; σ is this fraction of the window, as in MONAI and nnU-Net. */
const SIGMA = 1 / 8

/** Share of a window that the next one covers again, unless the user says otherwise. */
export const DEFAULT_OVERLAP = 0.5

/** Where windows start along an axis: evenly spaced from end to end, as few as overlap by at least `overlap` of their length. */
export function windowStarts(length: number, window: number, overlap: number): number[] {
  const stride = Math.max(1, Math.floor(window * (1 - overlap)))
  const steps = Math.ceil((length - window) / stride)
  return Array.from({ length: steps + 1 }, (_, i) => (steps === 0 ? 0 : Math.round((i * (length - window)) / steps)))
}

/** The first voxels of all windows over a grid, last axis fastest. */
export function windowsOver(grid: ImageSize, window: ImageSize, overlap: number): ImageSize[] {
  const [rows, columns, slices] = grid.map((length, axis) => windowStarts(length, window[axis]!, overlap))
  return rows!.flatMap(h => columns!.flatMap(w => slices!.map((d): ImageSize => [h, w, d])))
}

/** Importance along one axis; a voxel's importance is the product over the axes. */
function importance(window: number): Float64Array {
  return Float64Array.from({ length: window }, (_, i) =>
    Math.exp(-0.5 * ((i - (window - 1) / 2) / (SIGMA * window)) ** 2),
  )
}

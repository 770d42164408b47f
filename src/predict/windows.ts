import type { ImageSize } from '../util/shape.ts'
import type { VolumeStore } from './volume_store.ts'

/**
 * Blends overlapping windows into volumes (S, …grid): each voxel's mean over its windows, weighted by importance. Windows come in the order
 * of `windowsOver`; rows of the first axis that none reaches any more go to the store, so only one window's rows are held.
 */
export class WindowBlend {
  private readonly grid: ImageSize
  private readonly window: ImageSize
  private readonly store: VolumeStore
  /** (S, H of the window, W, D): row h of the grid lies at h modulo the window's */
  private readonly sums: Float32Array
  private readonly importances: Float64Array[]
  /** along each axis the sum of what all windows weigh there; a voxel's is the product */
  private readonly weights: Float64Array[]
  /** the first row that is not in the store yet */
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

  /** All windows were added: the rest goes to the store. */
  finish(): void {
    this.flush(this.grid[0])
  }

  /** Rows in front of `end` are complete. */
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

/** The importance of a window's voxel falls off by exp(−d²/2σ²) from its centre, σ being this share of the window (as MONAI and nnU-Net have it). */
export const SIGMA = 1 / 8

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

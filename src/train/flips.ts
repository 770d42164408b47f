import type { ImageSize } from '../data/dataset/volumes.ts'
import { sizeOf } from '../util/shape.ts'

/** Every set of these axes, the empty one first: for [0, 1] none, 0, 1, both. */
export function flipsOver(axes: readonly number[]): number[][] {
  return Array.from({ length: 2 ** axes.length }, (_, set) => axes.filter((_, i) => (set >> i) & 1))
}

/** Volumes (N, H, W, D) mirrored along `axes`, into `target`; doing it twice gives the volumes back. */
export function mirror(source: Float32Array, size: ImageSize, axes: readonly number[], target: Float32Array): void {
  const [height, width, depth] = size
  const volume = sizeOf(size)
  const place = (axis: number, index: number): number => (axes.includes(axis) ? size[axis]! - 1 - index : index)
  for (let start = 0; start < source.length; start += volume)
    for (let h = 0; h < height; h++)
      for (let w = 0; w < width; w++) {
        const from = start + (place(0, h) * width + place(1, w)) * depth
        const to = start + (h * width + w) * depth
        const line = source.subarray(from, from + depth)
        target.set(line, to)
        if (axes.includes(2)) target.subarray(to, to + depth).reverse()
      }
}

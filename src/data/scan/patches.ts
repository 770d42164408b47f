import type { ImageSize } from '../../util/shape.ts'

/** Start positions of patches of `size` in a volume of size `whole`, `stride` voxels apart; the last one along each axis ends at its end. D fastest. */
export function patchStarts(whole: ImageSize, size: ImageSize, stride: ImageSize): ImageSize[] {
  const [rows, columns, slices] = whole.map((length, axis) => startsAlong(length, size[axis]!, stride[axis]!)) as [
    number[],
    number[],
    number[],
  ]
  return rows.flatMap(h => columns.flatMap(w => slices.map((d): ImageSize => [h, w, d])))
}

function startsAlong(length: number, size: number, stride: number): number[] {
  const last = Math.max(0, length - size)
  return Array.from({ length: Math.ceil(last / stride) + 1 }, (_, i) => Math.min(i * stride, last))
}

/** Copies the patch at `start` (h0, w0, d0) from a volume into `patch`, a volume of `size`. */
export function cutPatch<T extends Float32Array | Uint8Array>(
  volume: T,
  [, width, depth]: ImageSize,
  [h0, w0, d0]: ImageSize,
  size: ImageSize,
  patch: T,
): void {
  let at = 0
  for (let h = h0; h < h0 + size[0]; h++)
    for (let w = w0; w < w0 + size[1]; w++) {
      const line = (h * width + w) * depth + d0
      patch.set(volume.subarray(line, line + size[2]) as never, at)
      at += size[2]
    }
}

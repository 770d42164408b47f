import type { ImageSize } from './volumes.ts'

/** Where patches of `size` start in a volume of `whole`, half a patch apart, the last of each axis at its end. D fastest. */
export function patchStarts(whole: ImageSize, size: ImageSize): ImageSize[] {
  const [rows, columns, slices] = whole.map((length, axis) => startsAlong(length, size[axis]!)) as [
    number[],
    number[],
    number[],
  ]
  return rows.flatMap(h => columns.flatMap(w => slices.map((d): ImageSize => [h, w, d])))
}

function startsAlong(length: number, size: number): number[] {
  const steps = Math.ceil(Math.max(0, length - size) / (size / 2))
  return Array.from({ length: steps + 1 }, (_, i) => Math.min((i * size) / 2, Math.max(0, length - size)))
}

/** Copies the patch at `start` out of a volume of `whole` into `patch`, a volume of `size`. */
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

import { coordinate } from './svg.ts'

/**
 * Traces the outline of a mask along its pixel edges. Returns closed SVG paths, holes included; empty for an empty mask.
 * @param mask (height, width), 1 inside
 * @param pixel width and height of a pixel
 */
export function contour(
  mask: Uint8Array,
  width: number,
  height: number,
  pixel: readonly [number, number] = [1, 1],
): string {
  const placed = (column: number, row: number): string =>
    `${coordinate(column * pixel[0])} ${coordinate(row * pixel[1])}`
  const edges = edgesOf(mask, width, height)
  let path = ''
  while (edges.size > 0) {
    const first = edges.keys().next().value!
    const corners: number[] = []
    for (let at = first, direction = 0; ; ) {
      const [next, ...others] = edges.get(at)!
      // where two outlines touch at a corner, either branch closes the path
      if (others.length) edges.set(at, others)
      else edges.delete(at)
      const heading = next! - at
      if (heading !== direction) corners.push(at)
      direction = heading
      at = next!
      if (at === first) break
    }
    const points = corners.map(at => placed(at % (width + 1), Math.floor(at / (width + 1))))
    path += `M${points.join('L')}Z`
  }
  return path
}

/** Maps each corner to its successors, with the inside always on the right. Corners are numbered row by row, width + 1 per row. */
function edgesOf(mask: Uint8Array, width: number, height: number): Map<number, number[]> {
  const edges = new Map<number, number[]>()
  const isInside = (x: number, y: number): boolean =>
    x >= 0 && x < width && y >= 0 && y < height && mask[y * width + x] === 1
  const add = (from: number, to: number): void => {
    edges.set(from, [...(edges.get(from) ?? []), to])
  }
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      if (!isInside(x, y)) continue
      const [topLeft, bottomLeft] = [y * (width + 1) + x, (y + 1) * (width + 1) + x]
      if (!isInside(x, y - 1)) add(topLeft, topLeft + 1)
      if (!isInside(x + 1, y)) add(topLeft + 1, bottomLeft + 1)
      if (!isInside(x, y + 1)) add(bottomLeft + 1, bottomLeft)
      if (!isInside(x - 1, y)) add(bottomLeft, topLeft)
    }
  return edges
}

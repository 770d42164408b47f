import type { BoxSize, Spacing } from '../../src/evaluate/distance_transform.ts'
import { randomOf } from '../numbers.ts'

/** Two masks to compare. */
export interface MaskCase {
  name: string
  size: BoxSize // (H, W, D)
  spacing: Spacing
  truth: Uint8Array // (H·W·D), 0 or 1
  predicted: Uint8Array // (H·W·D)
  /** as MONAI 1.6.1 and scikit-learn 1.9.1 say; null: nothing finite */
  expected: MaskFigures
}

export interface MaskFigures {
  hd95: number | null
  surface_distance: number | null
  dice: number
  iou: number
  precision: number | null
  recall: number | null
}

type Inside = (h: number, w: number, d: number) => boolean

const never: Inside = () => false
const box =
  (from: BoxSize, to: BoxSize): Inside =>
  (...at) =>
    at.every((x, axis) => x >= from[axis]! && x < to[axis]!)
const ball =
  (centre: BoxSize, radius: number, stretch: Spacing = [1, 1, 1]): Inside =>
  (...at) =>
    at.reduce((sum, x, axis) => sum + ((x - centre[axis]!) / stretch[axis]!) ** 2, 0) <= radius ** 2
const one = (...voxel: BoxSize): Inside => box(voxel, [voxel[0] + 1, voxel[1] + 1, voxel[2] + 1])
const either =
  (...parts: Inside[]): Inside =>
  (h, w, d) =>
    parts.some(part => part(h, w, d))

/** Balls at random places, some of them cut by the border, all moved by some voxels. */
function blobs(name: string, count: number, size: BoxSize, moved = 0): Inside {
  const random = randomOf(name)
  const centres = Array.from({ length: count }, () => size.map(axis => random.integer(axis)) as unknown as BoxSize)
  const all = either(...centres.map(centre => ball(centre, random.uniform(1, 5), [1, 0.8, 1.3])))
  return (h, w, d) => all(h - moved, w + moved, d)
}

function scattered(name: string, share: number): Inside {
  const random = randomOf(name)
  return () => random.uniform(0, 1) < share
}

function maskOf([height, width, depth]: BoxSize, inside: Inside): Uint8Array {
  return Uint8Array.from({ length: height * width * depth }, (_, v) =>
    Number(inside(Math.floor(v / (width * depth)), Math.floor(v / depth) % width, v % depth)),
  )
}

function maskCase(
  name: string,
  size: BoxSize,
  spacing: Spacing,
  truth: Inside,
  predicted: Inside,
  expected: MaskFigures,
): MaskCase {
  return { name, size, spacing, truth: maskOf(size, truth), predicted: maskOf(size, predicted), expected }
}

const figures = (
  hd95: number | null,
  surface_distance: number | null,
  dice: number,
  iou: number,
  precision: number | null,
  recall: number | null,
): MaskFigures => ({ hd95, surface_distance, dice, iou, precision, recall })

const EVEN: Spacing = [1, 1, 1]
const UNEVEN: Spacing = [0.7, 1.3, 3]
const SMALL: BoxSize = [16, 16, 16]
const LONG: BoxSize = [24, 20, 32]

export const maskCases: readonly MaskCase[] = [
  maskCase(
    'equal boxes',
    SMALL,
    EVEN,
    box([3, 4, 5], [9, 8, 12]),
    box([3, 4, 5], [9, 8, 12]),
    figures(0, 0, 1, 1, 1, 1),
  ),
  maskCase(
    'a moved box',
    SMALL,
    EVEN,
    box([3, 4, 5], [9, 8, 12]),
    box([5, 4, 6], [11, 9, 13]),
    figures(2.236068, 1.014181, 0.5079365, 0.3404255, 0.4571429, 0.5714286),
  ),
  maskCase(
    'a moved box, uneven',
    SMALL,
    UNEVEN,
    box([3, 4, 5], [9, 8, 12]),
    box([5, 4, 6], [11, 9, 13]),
    figures(3.269557, 1.269891, 0.5079365, 0.3404255, 0.4571429, 0.5714286),
  ),
  maskCase(
    'one inside the other',
    SMALL,
    UNEVEN,
    box([2, 2, 2], [14, 13, 12]),
    box([6, 5, 6], [8, 8, 9]),
    figures(12.92739, 8.499454, 0.02690583, 0.01363636, 1, 0.01363636),
  ),
  maskCase('one voxel each', SMALL, UNEVEN, one(2, 3, 4), one(11, 13, 9), figures(20.82523, 20.82523, 0, 0, 0, 0)),
  maskCase('the same voxel', SMALL, UNEVEN, one(0, 15, 0), one(0, 15, 0), figures(0, 0, 1, 1, 1, 1)),
  maskCase(
    'a voxel against a ball',
    SMALL,
    EVEN,
    one(1, 1, 1),
    ball([9, 9, 9], 5),
    figures(18.13283, 14.33621, 0, 0, 0, 0),
  ),
  maskCase(
    'at the border',
    SMALL,
    UNEVEN,
    box([0, 0, 0], [5, 16, 4]),
    box([0, 2, 0], [7, 16, 3]),
    figures(3, 0.919994, 0.6840391, 0.519802, 0.7142857, 0.65625),
  ),
  maskCase(
    'the whole volume and half',
    SMALL,
    EVEN,
    box([0, 0, 0], [16, 16, 16]),
    box([0, 0, 0], [8, 16, 16]),
    figures(8, 1.928058, 0.6666667, 0.5, 1, 0.5),
  ),
  maskCase(
    'opposite corners',
    LONG,
    UNEVEN,
    box([0, 0, 0], [2, 2, 2]),
    box([22, 18, 30], [24, 20, 32]),
    figures(94.21965, 92.61223, 0, 0, 0, 0),
  ),
  maskCase(
    'a sheet and a bar',
    LONG,
    UNEVEN,
    box([4, 2, 6], [5, 18, 28]),
    box([2, 9, 3], [20, 10, 5]),
    figures(66.6244, 35.51434, 0, 0, 0, 0),
  ),
  maskCase(
    'blobs',
    LONG,
    EVEN,
    blobs('truth 1', 4, LONG),
    either(blobs('truth 1', 4, LONG, 1), ball([20, 3, 28], 2)),
    figures(15.61569, 1.276142, 0.6704805, 0.5043029, 0.7043269, 0.639738),
  ),
  maskCase(
    'blobs, uneven',
    LONG,
    UNEVEN,
    blobs('truth 2', 5, LONG),
    blobs('truth 2', 5, LONG, -2),
    figures(2.952965, 1.608696, 0.3737769, 0.2298436, 0.3737769, 0.3737769),
  ),
  maskCase(
    'scattered',
    SMALL,
    UNEVEN,
    scattered('truth', 0.02),
    scattered('prediction', 0.05),
    figures(5.024694, 2.579356, 0.07973422, 0.04152249, 0.05714286, 0.1318681),
  ),
  maskCase('nothing predicted', SMALL, EVEN, ball([8, 8, 8], 4), never, figures(null, null, 0, 0, null, 0)),
  maskCase('nothing there', SMALL, EVEN, never, ball([8, 8, 8], 4), figures(null, null, 0, 0, 0, null)),
  maskCase('nothing at all', SMALL, EVEN, never, never, figures(null, null, 1, 1, null, null)),
]

/** Bit j of word i is voxel 32·i + j. */
export function bitsOf(mask: Uint8Array): Uint32Array<ArrayBuffer> {
  const bits = new Uint32Array(mask.length / 32)
  for (let v = 0; v < mask.length; v++) if (mask[v]) bits[v >>> 5]! |= 1 << (v & 31)
  return bits
}

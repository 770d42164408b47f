import type { ImageSize } from '../../../src/util/shape.ts'

export interface OrientedGrid {
  size: ImageSize // as stored
  affine: [number[], number[], number[]]
  /** size and millimetres along right, anterior, superior */
  native: ImageSize
  spacing: [number, number, number]
  /** degrees about two axes */
  tilt: number
}

const NATIVE: ImageSize = [16, 32, 16]
const SPACING: [number, number, number] = [1.5, 0.7, 2.4]
const CENTRE = [-12, 31, 7]

/** One volume of the world stored in all 48 orders and directions of axes, straight and oblique. */
export function everyOrientation(): OrientedGrid[] {
  const orders = [0, 1, 2].flatMap(a => [0, 1, 2].flatMap(b => (a === b ? [] : [[a, b, 3 - a - b]])))
  const signs = Array.from({ length: 8 }, (_, bits) => [0, 1, 2].map(axis => ((bits >> axis) & 1 ? -1 : 1)))
  return [0, 17].flatMap(tilt => orders.flatMap(order => signs.map(sign => orientedGrid(order, sign, tilt))))
}

function orientedGrid(order: readonly number[], sign: readonly number[], tilt: number): OrientedGrid {
  const turn = rotation(tilt)
  const size = order.map(world => NATIVE[world]!) as ImageSize
  const steps = turn.map(row => order.map((world, axis) => row[world]! * SPACING[world]! * sign[axis]!))
  const affine = steps.map((row, r) => {
    const half = row.reduce((sum, step, axis) => sum + (step * (size[axis]! - 1)) / 2, 0)
    return [...row, CENTRE[r]! - half]
  }) as OrientedGrid['affine']
  return { size, affine, native: NATIVE, spacing: SPACING, tilt }
}

/** About z, then about x. */
function rotation(degrees: number): number[][] {
  const [c, s] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)]
  return [
    [c, -s, 0],
    [c * s, c * c, -s],
    [s * s, s * c, c],
  ]
}

import { ContractError } from './error.ts'

/** Axis lengths, slowest first. Activations are (N, C, H, W, D), D fastest. */
export type Shape = readonly number[]

/** Number of elements. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, axis) => product * axis, 1)
}

/** Axes of an activation tensor (N, C, H, W, D), and its voxel count. */
export interface Volume {
  samples: number
  channels: number
  height: number
  width: number
  depth: number
  /** height · width · depth */
  voxels: number
}

/** Reads (N, C, H, W, D). Throws ContractError, which names `operation`, if the shape has another rank. */
export function volumeOf(shape: Shape, operation: string): Volume {
  if (shape.length !== 5) throw new ContractError(operation, 'shape', shape, '(N, C, H, W, D)')
  const [samples, channels, height, width, depth] = shape as [number, number, number, number, number]
  return { samples, channels, height, width, depth, voxels: height * width * depth }
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((axis, i) => axis === b[i])
}

export type ImageSize = [height: number, width: number, depth: number]

/** Every axis of the network's input is a multiple of this: the network halves each axis four times. */
export const AXIS_DIVISOR = 16

/** The size nearest to `size` that the network takes. */
export function divisible(size: readonly number[]): number[] {
  return size.map(axis => AXIS_DIVISOR * Math.max(1, Math.round(axis / AXIS_DIVISOR)))
}

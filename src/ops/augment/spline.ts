import { type Dispatch, kernel } from '../../graph/kernel.ts'
import { type Slice, slices, type Tensor, windowOf } from '../../graph/tensor.ts'
import { type Volume, volumeOf } from '../../util/shape.ts'

/** The grid of control points of a sample's splines. */
export interface Lattice {
  /** along (H, W, D) */
  counts: readonly [number, number, number]
  /** voxels between two points */
  spacing: readonly [number, number, number]
  /** per sample in memory, padded so that a window can start at any sample */
  points: number
}

/** Values per control point. */
const POINT = 4

/** This many control points take 256 bytes, the alignment of windows. */
const POINTS_ALIGNMENT = 16

/** Provides four control points around every voxel of (H, W, D). The first is one spacing before voxel 0. */
export function latticeOf(
  { height, width, depth }: Pick<Volume, 'height' | 'width' | 'depth'>,
  spacing: readonly [number, number, number],
): Lattice {
  const count = (length: number, each: number): number => Math.floor(length / each) + 4
  const counts = [count(height, spacing[0]), count(width, spacing[1]), count(depth, spacing[2])] as const
  const points = counts[0] * counts[1] * counts[2]
  return { counts, spacing, points: Math.ceil(points / POINTS_ALIGNMENT) * POINTS_ALIGNMENT }
}

/** Shape of the control points of `samples` samples. */
export function controlShape(samples: number, { points }: Lattice): number[] {
  return [samples, points, POINT]
}

/** Params of a shader with a `Lattice`. */
export function latticeParams({ counts, spacing, points }: Lattice) {
  return { counts, spacing, points }
}

/** Slices of whole samples whose largest binding has `elements` f32 per sample. */
export function sampleSlices(samples: number, elements: number, maxBindingBytes: number): Slice[] {
  return slices(samples, 1, elements, maxBindingBytes)
}

/** The window of an (N, C, …) tensor with all channels of a slice's samples. */
export function windowOfSamples(t: Tensor, { sample, samples }: Slice) {
  return windowOf(t, { sample, samples, channel: 0, channels: t.shape[1]! })
}

interface ControlArgs {
  keys: Tensor // (N, 4) u32
  control: Tensor // (N, points, 4)
  /** number of the operation that draws the points */
  operation: number
  /** per sample; the points of unchanged samples are 0 */
  probability: number
  /** values are uniform in ± this */
  amplitude: number
}

/** Draws the control points of every sample. */
export const drawControl = kernel('augment.control', (args: ControlArgs, { facts }): Dispatch[] => {
  const { keys, control, operation, probability, amplitude } = args
  const [samples, points] = control.shape as [number, number, number]
  return sampleSlices(samples, points * POINT, facts.maxBindingBytes).map(slice => {
    const invocations = slice.samples * points
    return {
      shader: 'augment/control',
      bindings: { keys, drawn: windowOfSamples(control, slice) },
      params: { points, invocations, first_sample: slice.sample, operation, probability, amplitude },
      invocations,
    }
  })
})

interface DisplacementArgs {
  control: Tensor // (N, points, 4)
  displacement: Tensor // (N, 3, H, W, D) voxels
  lattice: Lattice
}

/** Evaluates the splines at every voxel. */
export const displace = kernel('augment.displacement', (args: DisplacementArgs, { facts }): Dispatch[] => {
  const { control, displacement, lattice } = args
  const { samples, height, width, depth, voxels } = volumeOf(displacement.shape, 'augment.displacement')
  const largest = Math.max(3 * voxels, POINT * lattice.points)
  return sampleSlices(samples, largest, facts.maxBindingBytes).map(slice => {
    const quads = (slice.samples * voxels) / 4
    return {
      shader: 'augment/displacement',
      bindings: { control: windowOfSamples(control, slice), displacement: windowOfSamples(displacement, slice) },
      params: {
        ...latticeParams(lattice),
        size: [height, width, depth],
        quads,
        channels: 1,
        first_sample: slice.sample,
        first_channel: 0,
      },
      invocations: quads,
    }
  })
})

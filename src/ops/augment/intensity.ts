import { type Dispatch, kernel, type Lowering } from '../../graph/kernel.ts'
import { slices, type Tensor, windowOf } from '../../graph/tensor.ts'
import { volumeOf } from '../../util/shape.ts'
import { finishParams } from './move.ts'
import { type AugmentSettings, used } from './settings.ts'
import { type Lattice, latticeParams, windowOfSamples } from './spline.ts'

interface Image {
  from: Tensor // (N, C, H, W, D)
  keys: Tensor // (N, 4) u32
  to: Tensor // (N, C, H, W, D)
}

interface AxisArgs extends Image {
  axis: number
  /** per sample */
  probability: number
  /** range of the strength, drawn per channel and axis */
  range: readonly [number, number]
}

interface FinishArgs extends Image {
  bias: { control: Tensor; lattice: Lattice } | undefined
  settings: AugmentSettings
}

/** Slices of the image, with the bindings and params that all kernels share. */
function imageSlices({ from, keys, to }: Image, { facts }: Lowering) {
  const { samples, channels, voxels, height, width, depth } = volumeOf(from.shape, 'augment')
  return slices(samples, channels, voxels, facts.maxBindingBytes).map(slice => ({
    slice,
    bindings: { image: windowOf(from, slice), keys },
    result: windowOf(to, slice),
    params: {
      size: [height, width, depth],
      quads: (slice.samples * slice.channels * voxels) / 4,
      channels: slice.channels,
      first_sample: slice.sample,
      first_channel: slice.channel,
    },
  }))
}

function alongAxis(entry: string) {
  return (args: AxisArgs, at: Lowering): Dispatch[] =>
    imageSlices(args, at).map(({ bindings, result, params }) => ({
      shader: 'augment/resolution',
      entry,
      bindings: { ...bindings, coarser: result },
      params: {
        ...params,
        axis: args.axis,
        probability: args.probability,
        low: args.range[0],
        high: args.range[1],
      },
      invocations: params.quads,
    }))
}

/** Convolves along one axis with a Gaussian. */
export const blurAxis = kernel('augment.blur', alongAxis('blur'))

/** Averages into larger voxels along one axis, then interpolates between them. */
export const coarsenAxis = kernel('augment.low_resolution', alongAxis('low_resolution'))

/** Placeholder; without a bias field, another entry point runs. */
const NO_LATTICE = { counts: [0, 0, 0], spacing: [0, 0, 0], points: 0 } as const

/** Bias field, gamma, noise, scale and clip. */
export const finishImage = kernel('augment.intensity', (args: FinishArgs, at): Dispatch[] => {
  const { bias, settings } = args
  const gamma = used(settings.gamma) ?? { probability: 0, range: [1, 1] }
  return imageSlices(args, at).map(({ slice, bindings, result, params }) => {
    const whole = { ...bindings, augmented: result }
    return {
      shader: 'augment/intensity',
      ...(bias
        ? { entry: 'bias_field', bindings: { ...whole, control: windowOfSamples(bias.control, slice) } }
        : { bindings: whole }),
      params: {
        ...params,
        ...finishParams(settings),
        ...latticeParams(bias?.lattice ?? NO_LATTICE),
        gamma_probability: gamma.probability,
        log_gamma_low: Math.log(gamma.range[0]),
        log_gamma_high: Math.log(gamma.range[1]),
      },
      invocations: params.quads,
    }
  })
})

import type { AdapterFacts, Dispatch, Kernel, Lowering } from '../../graph/kernel.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { sizeOf, volumeOf } from '../../util/shape.ts'
import { sumPartials } from './chunks.ts'
import { bindingElements, channelWindow, fitting, type Range, ranges, samplesAtOnce } from './ranges.ts'

/** Voxels per partial sum of a bias gradient. */
const BIAS_CHUNK = 1024

/** Up to this many voxels, one workgroup per channel is faster than a second stage. */
const WHOLE_VOXELS = 2 ** 16

export interface BackwardBiasArgs {
  dy: Tensor // (N, O, H, W, D)
  gradient: Tensor // (O)
  accumulate: boolean
}

/** Ranges of samples and channels that fit a binding. */
function parts(dy: Tensor, facts: AdapterFacts): { samples: Range; channels: Range }[] {
  const { samples, channels, voxels } = volumeOf(dy.shape, dy.name)
  const perDispatch = Math.min(channels, fitting('conv3d.backwardBias', 'channel', voxels, bindingElements(facts)))
  return ranges(samples, samplesAtOnce(samples, channels * voxels, facts)).flatMap(some =>
    ranges(channels, perDispatch).map(range => ({ samples: some, channels: range })),
  )
}

function lowerChunks({ dy, gradient, accumulate }: BackwardBiasArgs, at: Lowering): Dispatch[] {
  const { channels: all, voxels } = volumeOf(dy.shape, dy.name)
  const chunks = Math.ceil(voxels / BIAS_CHUNK)
  return parts(dy, at.facts).flatMap(({ samples, channels }) => {
    const { window, base } = channelWindow(dy, samples, channels)
    const partials = at.scratch('partials', [chunks, channels.count])
    const count = { chunks, channels: channels.count, chunk_voxels: BIAS_CHUNK }
    return [
      {
        shader: 'conv3d/backward_bias',
        bindings: { dy: window, partials },
        params: { samples: samples.count, ...count, voxels, dy_base: base, dy_channels: all },
        invocations: channels.count * chunks,
      },
      sumPartials(partials, gradient, accumulate || samples.start > 0, {
        chunks,
        rows: channels.count,
        columns: 1,
        base: channels.start,
        row_stride: 1,
      }),
    ]
  })
}

function lowerWhole({ dy, gradient, accumulate }: BackwardBiasArgs, { facts }: Lowering): Dispatch[] {
  const { channels: all, voxels } = volumeOf(dy.shape, dy.name)
  return parts(dy, facts).map(({ samples, channels }) => {
    const { window, base } = channelWindow(dy, samples, channels)
    return {
      shader: 'conv3d/whole_bias',
      constants: { ACCUMULATE: accumulate || samples.start > 0 ? 1 : 0 },
      bindings: { dy: window, gradient },
      params: { samples: samples.count, voxels, dy_base: base, dy_channels: all, first: channels.start },
      workgroups: [channels.count, 1, 1],
    }
  })
}

/**
 * d(bias). A GPU reduces a small volume in one stage. Otherwise: partial sums of fixed chunks of voxels, then the chunks in order.
 * The variants have the names of the convolution's.
 */
export const backwardBias: Kernel<BackwardBiasArgs> = {
  name: 'conv3d.backwardBias',
  variants: [
    {
      name: 'gemm',
      fits: (_, { maxWorkgroupInvocations }) => maxWorkgroupInvocations >= 256,
      suits: ({ dy: { shape } }, { software }) => !software && sizeOf(shape) <= WHOLE_VOXELS * (shape[1] as number),
      lower: lowerWhole,
    },
    { name: 'direct', lower: lowerChunks },
  ],
}

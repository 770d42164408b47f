import type { AdapterFacts, Dispatch, Kernel, Lowering } from '../../graph/kernel.ts'
import type { Tensor, Window } from '../../graph/tensor.ts'
import { sizeOf, volumeOf } from '../../util/shape.ts'
import { bindingElements, channelWindow, fitting, type Range, ranges } from './ranges.ts'

/** Workgroups that keep any adapter busy; a sum over voxels is cut into chunks until there are as many. */
const WORKGROUPS = 512

/** Voxels of one partial sum of a bias gradient. */
const BIAS_CHUNK = 1024

/** Voxels of a batch that one workgroup reads faster than a second dispatch starts. */
const WHOLE_VOXELS = 2 ** 16

/**
 * Cuts `positions` into equal chunks: no more than make `groups` · chunks reach WORKGROUPS, none shorter than one position per lane,
 * and at most `most` of them.
 */
export function chunking(
  positions: number,
  lanes: number,
  groups: number,
  most: number,
): { chunk: number; chunks: number } {
  const wanted = Math.min(Math.ceil(WORKGROUPS / groups), Math.ceil(positions / lanes), Math.max(1, most))
  const chunk = Math.ceil(positions / wanted)
  return { chunk, chunks: Math.ceil(positions / chunk) }
}

/** The second stage: adds the chunks of `partials` in order into some rows and columns of `gradient`. */
export function sumPartials(
  partials: Tensor,
  gradient: Tensor | Window,
  accumulate: boolean,
  params: { chunks: number; rows: number; columns: number; base: number; row_stride: number },
): Dispatch {
  return {
    shader: 'conv3d/sum_partials',
    constants: { ACCUMULATE: accumulate ? 1 : 0 },
    bindings: { partials, gradient },
    params,
    invocations: params.rows * params.columns,
  }
}

export interface BackwardBiasArgs {
  dy: Tensor // (N, O, H, W, D)
  gradient: Tensor // (O)
  accumulate: boolean
}

/** Channels of samples that fit a binding together. */
function parts(dy: Tensor, facts: AdapterFacts): { samples: Range; channels: Range }[] {
  const { samples, channels, voxels } = volumeOf(dy.shape, dy.name)
  const limit = bindingElements(facts)
  const atOnce = Math.max(1, Math.min(samples, Math.floor(limit / (channels * voxels))))
  const perDispatch = Math.min(channels, fitting('conv3d.backwardBias', 'channel', voxels, limit))
  return ranges(samples, atOnce).flatMap(some =>
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
 * d(bias): on a GPU a small volume in one stage; otherwise sums of fixed chunks of voxels, then of the chunks in order. The variants are
 * called as those of the convolution that they belong to.
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

import { type Dispatch, kernel, type Lowering } from '../graph/kernel.ts'
import type { Tensor, Window } from '../graph/tensor.ts'
import { volumeOf } from '../util/shape.ts'
import { bindingElements, channelWindow, fitting, ranges } from './conv3d_layout.ts'

/** Workgroups that keep any adapter busy; a sum over voxels is cut into chunks until there are as many. */
const WORKGROUPS = 512

/** Voxels of one partial sum of a bias gradient. */
const BIAS_CHUNK = 1024

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

function lower({ dy, gradient, accumulate }: BackwardBiasArgs, at: Lowering): Dispatch[] {
  const operation = 'conv3d.backwardBias'
  const { samples: all, channels, voxels } = volumeOf(dy.shape, operation)
  const limit = bindingElements(at.facts)
  const atOnce = Math.max(1, Math.min(all, Math.floor(limit / (channels * voxels))))
  const perDispatch = Math.min(channels, fitting(operation, 'channel', voxels, limit))
  const chunks = Math.ceil(voxels / BIAS_CHUNK)
  const partials = at.scratch('partials', [chunks, perDispatch])
  return ranges(all, atOnce).flatMap(samples =>
    ranges(channels, perDispatch).flatMap(range => {
      const { window, base } = channelWindow(dy, samples, range)
      const count = { chunks, channels: range.count, chunk_voxels: BIAS_CHUNK }
      return [
        {
          shader: 'conv3d/backward_bias',
          bindings: { dy: window, partials },
          params: { samples: samples.count, ...count, voxels, dy_base: base, dy_channels: channels },
          invocations: range.count * chunks,
        },
        sumPartials(partials, gradient, accumulate || samples.start > 0, {
          chunks,
          rows: range.count,
          columns: 1,
          base: range.start,
          row_stride: 1,
        }),
      ]
    }),
  )
}

/** d(bias): sums of fixed chunks of voxels, then of the chunks in order. */
export const backwardBias = kernel('conv3d.backwardBias', lower)

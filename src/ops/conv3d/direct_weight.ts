import type { AdapterFacts, Dispatch, Lowering } from '../../graph/kernel.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { volumeOf } from '../../util/shape.ts'
import { chunking, sumPartials } from './chunks.ts'
import { padSlab, sourceSide } from './direct.ts'
import { type BackwardWeightArgs, isPointwise, isTiled } from './pass.ts'
import {
  axesOf,
  BLOCK,
  bindingElements,
  brickOf,
  channelWindow,
  type DispatchSize,
  dispatchSizeOf,
  lanesOf,
  type Range,
  ranges,
  rowOf,
  type Slab,
  slabs,
  sourceWindow,
  weightWindow,
} from './ranges.ts'
import { inNarrowSubgroups } from './subgroups.ts'

/** Input and output channels of one workgroup of conv3d/pointwise_backward_weight. */
const POINTWISE_BLOCK = 8

interface ChunkedSize extends DispatchSize {
  /** columns (tiled) or voxels of one chunk */
  chunk: number
  chunks: number
}

function sizeOfDispatch(args: BackwardWeightArgs, facts: AdapterFacts, tiled: boolean): ChunkedSize {
  const operation = 'conv3d.backwardWeight'
  const dy = volumeOf(args.dy.shape, operation)
  const size = dispatchSizeOf(
    {
      operation,
      samples: dy.samples,
      inputs: sourceSide(args.sources, tiled, facts),
      outputs: { channels: dy.channels, elements: dy.voxels },
      row: { side: 'outputs', elements: rowOf(args.gradient) },
    },
    facts,
  )
  const { samples, inputs, outputs } = size
  const taps = (args.gradient.shape[2] as number) ** 3
  const groups = Math.ceil(outputs / BLOCK) * (tiled ? inputs * 3 : Math.ceil(inputs / BLOCK) * taps)
  // An invocation that works alone takes one position at a time, and `lanes` of them share a workgroup.
  const alone = tiled && facts.software
  const chunked = chunking({
    positions: samples * (tiled ? dy.height * dy.depth : dy.voxels),
    lanes: alone ? 1 : lanesOf(facts),
    groups: alone ? groups / lanesOf(facts) : groups,
    partials: outputs * inputs * taps,
    budget: bindingElements(facts),
  })
  return { ...size, ...chunked }
}

/** The samples, input and output channels of one dispatch. */
interface Step {
  args: BackwardWeightArgs
  size: ChunkedSize
  slab: Slab
  samples: Range
  outputs: Range
  partials: Tensor
  lanes: number
  at: Lowering
  /** one task per invocation instead of one per workgroup */
  alone: boolean
}

/** The part of a dispatch that all three shaders share. */
function common({ args, slab, samples, outputs }: Step) {
  const { window, base } = channelWindow(args.dy, samples, outputs)
  const dy = volumeOf(args.dy.shape, args.dy.name)
  return {
    window,
    params: {
      samples: samples.count,
      inputs: slab.count,
      outputs: outputs.count,
      dy_base: base,
      dy_channels: dy.channels,
    },
    flops: 2 * samples.count * slab.count * outputs.count * (args.gradient.shape[2] as number) ** 3 * dy.voxels,
    blocks: Math.ceil(outputs.count / BLOCK),
  }
}

function tiledStep(step: Step, brick: Tensor): Dispatch {
  const { args, size, slab, partials, lanes, alone } = step
  const { window, params, flops, blocks } = common(step)
  const { height, width, depth } = volumeOf(args.dy.shape, args.dy.name)
  const grid = [slab.count * 3, blocks, size.chunks] as const
  return {
    shader: inNarrowSubgroups('conv3d/backward_weight', step.at.facts),
    ...(alone ? { entry: 'alone', invocations: grid[0] * grid[1] * grid[2] } : { entry: 'together', workgroups: grid }),
    constants: { WORKGROUP: lanes },
    bindings: { brick, dy: window, gradient: partials },
    params: { ...params, height, width, depth, chunk_columns: size.chunk, chunks: size.chunks },
    flops,
  }
}

function voxelStep(step: Step): Dispatch {
  const { args, size, slab, samples, partials, lanes, at } = step
  const { window, params, flops, blocks } = common(step)
  const part = slab.parts[0] as Slab['parts'][number]
  const x = volumeOf(part.tensor.shape, part.tensor.name)
  const dy = volumeOf(args.dy.shape, args.dy.name)
  const source = sourceWindow(part.tensor, samples, part.channels, at)
  const kernel = args.gradient.shape[2] as number
  return {
    shader: 'conv3d/voxel_backward_weight',
    constants: { WORKGROUP: lanes },
    normalisation: source.normalisation,
    bindings: { x: source.window, dy: window, gradient: partials },
    params: {
      ...params,
      ...source.params,
      size: kernel,
      stride: args.stride,
      x_volume: axesOf(x),
      dy_volume: axesOf(dy),
      chunk_voxels: size.chunk,
    },
    workgroups: [Math.ceil(slab.count / BLOCK) * kernel ** 3, blocks, size.chunks],
    flops,
  }
}

function pointwiseStep(step: Step): Dispatch {
  const { slab, outputs, samples, size, lanes, partials, at } = step
  const { window, params, flops } = common(step)
  const part = slab.parts[0] as Slab['parts'][number]
  const { voxels } = volumeOf(part.tensor.shape, part.tensor.name)
  const source = sourceWindow(part.tensor, samples, part.channels, at)
  return {
    shader: inNarrowSubgroups('conv3d/pointwise_backward_weight', at.facts),
    constants: { WORKGROUP: lanes },
    normalisation: source.normalisation,
    bindings: { x: source.window, dy: window, gradient: partials },
    params: { ...params, ...source.params, voxels, chunk_voxels: size.chunk },
    workgroups: [Math.ceil(slab.count / POINTWISE_BLOCK), Math.ceil(outputs.count / POINTWISE_BLOCK), size.chunks],
    flops,
  }
}

export function lower(args: BackwardWeightArgs, at: Lowering): Dispatch[] {
  const tiled = isTiled(args.gradient, args.stride)
  const size = sizeOfDispatch(args, at.facts, tiled)
  const lanes = lanesOf(at.facts)
  const dy = volumeOf(args.dy.shape, args.dy.name)
  const taps = (args.gradient.shape[2] as number) ** 3
  const partials = at.scratch('partials', [size.chunks, size.outputs, size.inputs, taps])
  const unpadded = isPointwise(args.gradient, args.stride) ? pointwiseStep : voxelStep
  const brick = tiled
    ? at.scratch('brick', [size.samples, size.inputs, ...brickOf(dy).shape], args.dy.dtype)
    : undefined
  const dispatches: Dispatch[] = []
  for (const samples of ranges(dy.samples, size.samples))
    for (const slab of slabs(args.sources, size.inputs, !tiled)) {
      if (brick) dispatches.push(...padSlab(slab, samples, brick, at))
      for (const outputs of ranges(dy.channels, size.outputs)) {
        const step = { args, size, slab, samples, outputs, partials, lanes, at, alone: at.facts.software }
        dispatches.push(brick ? tiledStep(step, brick) : unpadded(step))
        const { window, base } = weightWindow(args.gradient, outputs)
        dispatches.push(
          sumPartials(partials, window, args.accumulate || samples.start > 0, {
            chunks: size.chunks,
            rows: outputs.count,
            columns: slab.count * taps,
            base: base + slab.start * taps,
            row_stride: rowOf(args.gradient),
          }),
        )
      }
    }
  return dispatches
}

import type { AdapterFacts, Dispatch, Lowering } from '../../graph/kernel.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { volumeOf } from '../../util/shape.ts'
import { chunking, sumPartials } from './chunks.ts'
import { padSlab } from './direct.ts'
import { type BackwardWeightArgs, isPointwise, isTiled } from './pass.ts'
import {
  axesOf,
  BLOCK,
  bindingElements,
  brickElements,
  brickOf,
  channelWindow,
  fitting,
  lanesOf,
  type Range,
  ranges,
  rowOf,
  type Slab,
  slabs,
  sourceWindow,
  weightWindow,
} from './ranges.ts'

/** Input and output channels of one workgroup of conv3d/pointwise_backward_weight. */
const POINTWISE_BLOCK = 8

interface DispatchSize {
  samples: number
  inputs: number
  outputs: number
  /** columns (tiled) or voxels of one chunk */
  chunk: number
  chunks: number
}

function dispatchSizeOf(args: BackwardWeightArgs, facts: AdapterFacts, tiled: boolean): DispatchSize {
  const operation = 'conv3d.backwardWeight'
  const limit = bindingElements(facts)
  const dy = volumeOf(args.dy.shape, operation)
  const source = volumeOf((args.sources[0] as Tensor).shape, operation)
  const taps = (args.gradient.shape[2] as number) ** 3
  const perInput = tiled ? brickOf(source).elements : source.voxels
  const capacity = tiled ? brickElements(facts) : limit
  const all = args.gradient.shape[1] as number
  const inputs = Math.min(all, fitting(operation, 'input channel', perInput, capacity))
  const outputs = Math.min(
    dy.channels,
    fitting(operation, 'output channel', dy.voxels, limit),
    fitting(operation, 'output channel of the weight', rowOf(args.gradient), limit),
  )
  const perSample = Math.max(all * perInput * (limit / capacity), dy.channels * dy.voxels)
  const samples = Math.max(1, Math.min(dy.samples, Math.floor(limit / perSample)))
  const positions = samples * (tiled ? dy.height * dy.depth : dy.voxels)
  const groups = Math.ceil(outputs / BLOCK) * (tiled ? inputs * 3 : Math.ceil(inputs / BLOCK) * taps)
  const most = Math.floor(limit / (outputs * inputs * taps))
  // an invocation that works alone is a lane of its own, and as many of them fill a workgroup
  const alone = tiled && facts.software
  const cut = alone
    ? chunking(positions, 1, groups / lanesOf(facts), most)
    : chunking(positions, lanesOf(facts), groups, most)
  return { samples, inputs, outputs, ...cut }
}

/** The share of one dispatch: some samples, input and output channels. */
interface Step {
  args: BackwardWeightArgs
  plan: DispatchSize
  slab: Slab
  samples: Range
  outputs: Range
  partials: Tensor
  lanes: number
  at: Lowering
  /** every invocation has a task of its own, instead of every workgroup */
  alone: boolean
}

/** What both shaders share. */
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
  const { args, plan, slab, partials, lanes, alone } = step
  const { window, params, flops, blocks } = common(step)
  const { height, width, depth } = volumeOf(args.dy.shape, args.dy.name)
  const grid = [slab.count * 3, blocks, plan.chunks] as const
  return {
    shader: 'conv3d/backward_weight',
    ...(alone ? { entry: 'alone', invocations: grid[0] * grid[1] * grid[2] } : { entry: 'together', workgroups: grid }),
    constants: { WORKGROUP: lanes },
    bindings: { brick, dy: window, gradient: partials },
    params: { ...params, height, width, depth, chunk_columns: plan.chunk, chunks: plan.chunks },
    flops,
  }
}

function voxelStep(step: Step): Dispatch {
  const { args, plan, slab, samples, partials, lanes, at } = step
  const { window, params, flops, blocks } = common(step)
  const part = slab.parts[0] as Slab['parts'][number]
  const x = volumeOf(part.tensor.shape, part.tensor.name)
  const dy = volumeOf(args.dy.shape, args.dy.name)
  const source = sourceWindow(part.tensor, samples, part.channels, at)
  const size = args.gradient.shape[2] as number
  return {
    shader: 'conv3d/voxel_backward_weight',
    constants: { WORKGROUP: lanes },
    normalisation: source.normalisation,
    bindings: { x: source.window, dy: window, gradient: partials },
    params: {
      ...params,
      ...source.params,
      size,
      stride: args.stride,
      x_volume: axesOf(x),
      dy_volume: axesOf(dy),
      chunk_voxels: plan.chunk,
    },
    workgroups: [Math.ceil(slab.count / BLOCK) * size ** 3, blocks, plan.chunks],
    flops,
  }
}

function pointwiseStep(step: Step): Dispatch {
  const { slab, outputs, samples, plan, lanes, partials, at } = step
  const { window, params, flops } = common(step)
  const part = slab.parts[0] as Slab['parts'][number]
  const { voxels } = volumeOf(part.tensor.shape, part.tensor.name)
  const source = sourceWindow(part.tensor, samples, part.channels, at)
  return {
    shader: 'conv3d/pointwise_backward_weight',
    constants: { WORKGROUP: lanes },
    normalisation: source.normalisation,
    bindings: { x: source.window, dy: window, gradient: partials },
    params: { ...params, ...source.params, voxels, chunk_voxels: plan.chunk },
    workgroups: [Math.ceil(slab.count / POINTWISE_BLOCK), Math.ceil(outputs.count / POINTWISE_BLOCK), plan.chunks],
    flops,
  }
}

export function lower(args: BackwardWeightArgs, at: Lowering): Dispatch[] {
  const tiled = isTiled(args.gradient, args.stride)
  const plan = dispatchSizeOf(args, at.facts, tiled)
  const lanes = lanesOf(at.facts)
  const dy = volumeOf(args.dy.shape, args.dy.name)
  const taps = (args.gradient.shape[2] as number) ** 3
  const partials = at.scratch('partials', [plan.chunks, plan.outputs, plan.inputs, taps])
  const unpadded = isPointwise(args.gradient, args.stride) ? pointwiseStep : voxelStep
  const brick = tiled
    ? at.scratch('brick', [plan.samples, plan.inputs, ...brickOf(dy).shape], args.dy.dtype)
    : undefined
  const dispatches: Dispatch[] = []
  for (const samples of ranges(dy.samples, plan.samples))
    for (const slab of slabs(args.sources, plan.inputs, !tiled)) {
      if (brick) dispatches.push(...padSlab(slab, samples, brick, at))
      for (const outputs of ranges(dy.channels, plan.outputs)) {
        const step = { args, plan, slab, samples, outputs, partials, lanes, at, alone: at.facts.software }
        dispatches.push(brick ? tiledStep(step, brick) : unpadded(step))
        const { window, base } = weightWindow(args.gradient, outputs)
        dispatches.push(
          sumPartials(partials, window, args.accumulate || samples.start > 0, {
            chunks: plan.chunks,
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

import type { AdapterFacts, Dispatch, Lowering } from '../../graph/kernel.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { fold } from '../../graph/workgroups.ts'
import { volumeOf } from '../../util/shape.ts'
import { isPointwise, isTiled, type Pass } from './pass.ts'
import {
  axesOf,
  BLOCK,
  bindingElements,
  brickBudget,
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
  tiledWorkgroups,
  weightWindow,
} from './ranges.ts'
import { inNarrowSubgroups } from './subgroups.ts'

/** The register tile of an invocation of conv3d/pointwise, and how many tiles it computes in turn, by workgroup size. */
const POINTWISE = { voxels: 4, outputs: 16, turns: { 16: 4, 64: 1 } }

/** The size of a dispatch whose packed weights fit a binding too. */
function sizeOfDispatch(pass: Pass, facts: AdapterFacts, tiled: boolean): DispatchSize {
  const operation = `conv3d.${pass.direction}`
  const target = volumeOf(pass.target.shape, operation)
  const size = dispatchSizeOf(
    {
      operation,
      samples: target.samples,
      inputs: sourceSide(pass.sources, tiled, facts),
      outputs: { channels: target.channels, elements: target.voxels },
      row: { side: pass.direction === 'forward' ? 'outputs' : 'inputs', elements: rowOf(pass.weight) },
    },
    facts,
  )
  const perBlock = size.inputs * (pass.weight.shape[2] as number) ** 3 * BLOCK
  const blocks = Math.max(1, Math.floor(bindingElements(facts) / perBlock))
  return { ...size, outputs: Math.min(size.outputs, blocks * BLOCK) }
}

/** What a convolution binds of its sources: bricks if tiled, otherwise the activations. */
export function sourceSide(sources: readonly Tensor[], tiled: boolean, facts: AdapterFacts) {
  const [{ shape, name }] = sources as [Tensor]
  const volume = volumeOf(shape, name)
  const channels = sources.reduce((sum, t) => sum + (t.shape[1] as number), 0)
  return tiled
    ? { channels, elements: brickOf(volume).elements, budget: brickBudget(facts) }
    : { channels, elements: volume.voxels }
}

/** Copies the channels of a slab into a zero-padded brick. */
export function padSlab(slab: Slab, samples: Range, brick: Tensor, lowering: Lowering): Dispatch[] {
  return slab.parts.map(({ tensor, channels, at }) => {
    const volume = volumeOf(tensor.shape, tensor.name)
    const { shape, elements } = brickOf(volume)
    const { window, params, normalisation } = sourceWindow(tensor, samples, channels, lowering)
    const { facts } = lowering
    const rows = samples.count * channels.count * shape[0]! * shape[1]!
    return {
      ...(facts.software
        ? {
            shader: 'conv3d/pad_rows',
            constants: { WORKGROUP: lanesOf(facts) },
            workgroups: [...fold(rows), 1] as const,
          }
        : { shader: 'conv3d/pad', invocations: samples.count * channels.count * elements }),
      normalisation,
      bindings: { x: window, brick },
      params: {
        ...params,
        samples: samples.count,
        channels: channels.count,
        brick_channels: slab.count,
        brick_channel: at,
        height: volume.height,
        width: volume.width,
        depth: volume.depth,
        brick_height: shape[0] as number,
        brick_width: shape[1] as number,
        brick_depth: shape[2] as number,
      },
    }
  })
}

function pack(pass: Pass, slab: Slab, outputs: Range, packed: Tensor): Dispatch {
  const forward = pass.direction === 'forward'
  const size = pass.weight.shape[2] as number
  const taps = size ** 3
  const { window, base } = weightWindow(pass.weight, forward ? outputs : slab)
  const input = forward ? slab.start : (pass.first ?? 0) + outputs.start
  return {
    shader: 'conv3d/pack',
    // conv3d/voxel computes the adjoint with unflipped taps.
    constants: { FLIP: !forward && size === 3 && pass.stride === 1 ? 1 : 0 },
    bindings: { weight: window, packed },
    params: {
      rows: outputs.count,
      columns: slab.count,
      taps,
      base: base + input * taps,
      row_stride: forward ? rowOf(pass.weight) : taps,
      column_stride: forward ? taps : rowOf(pass.weight),
    },
    invocations: Math.ceil(outputs.count / BLOCK) * slab.count * taps,
  }
}

interface Step {
  pass: Pass
  slab: Slab
  samples: Range
  outputs: Range
  packed: Tensor
  at: Lowering
}

/** The part of a dispatch that all three shaders share. */
function convolution({ pass, slab, samples, outputs, packed, at }: Step): Omit<Dispatch, 'shader'> & {
  bindings: Dispatch['bindings']
  params: Record<string, number>
} {
  const biased = pass.bias !== undefined && slab.start === 0
  const target = volumeOf(pass.target.shape, pass.target.name)
  const source = volumeOf((slab.parts[0]?.tensor ?? pass.target).shape, pass.target.name)
  const { window, base } = channelWindow(pass.target, samples, outputs)
  const bindings: Dispatch['bindings'] = { packed, y: window }
  if (biased) bindings.bias = pass.bias as Tensor
  const voxels = pass.direction === 'forward' ? target.voxels : source.voxels
  return {
    entry: biased ? 'forward' : 'add',
    bindings,
    constants: { ACCUMULATE: pass.accumulate || slab.start > 0 ? 1 : 0, WORKGROUP: lanesOf(at.facts) },
    params: {
      samples: samples.count,
      inputs: slab.count,
      outputs: outputs.count,
      bias_base: outputs.start,
      y_base: base,
      y_channels: target.channels,
    },
    flops: 2 * samples.count * slab.count * outputs.count * (pass.weight.shape[2] as number) ** 3 * voxels,
  }
}

function tiledStep(step: Step, brick: Tensor): Dispatch {
  const { height, width, depth } = volumeOf(step.pass.target.shape, step.pass.target.name)
  const { bindings, params, ...rest } = convolution(step)
  const tiles = step.samples.count * brickOf(volumeOf(step.pass.target.shape, step.pass.target.name)).tiles
  return {
    shader: inNarrowSubgroups('conv3d/tiled', step.at.facts),
    ...rest,
    bindings: { ...bindings, brick },
    params: { ...params, height, width, depth },
    workgroups: tiledWorkgroups(tiles, lanesOf(step.at.facts), Math.ceil(step.outputs.count / BLOCK)),
  }
}

function voxelStep(step: Step): Dispatch {
  const { pass, slab, samples, outputs, at } = step
  const part = slab.parts[0] as Slab['parts'][number]
  const x = volumeOf(part.tensor.shape, part.tensor.name)
  const y = volumeOf(pass.target.shape, pass.target.name)
  const source = sourceWindow(part.tensor, samples, part.channels, at)
  const { bindings, params, constants, ...rest } = convolution(step)
  return {
    shader: 'conv3d/voxel',
    ...rest,
    normalisation: source.normalisation,
    constants: { ...constants, ADJOINT: pass.direction === 'forward' ? 0 : 1 },
    bindings: { ...bindings, x: source.window },
    params: {
      ...params,
      ...source.params,
      size: pass.weight.shape[2] as number,
      stride: pass.stride,
      x_volume: axesOf(x),
      y_volume: axesOf(y),
    },
    workgroups: tiledWorkgroups(samples.count * y.voxels, lanesOf(at.facts), Math.ceil(outputs.count / BLOCK)),
  }
}

function pointwiseStep(step: Step): Dispatch {
  const { slab, samples, outputs, at } = step
  const part = slab.parts[0] as Slab['parts'][number]
  const { voxels } = volumeOf(part.tensor.shape, part.tensor.name)
  const source = sourceWindow(part.tensor, samples, part.channels, at)
  const { bindings, params, constants, ...rest } = convolution(step)
  const lanes = lanesOf(at.facts)
  const turns = POINTWISE.turns[lanes]
  const groups = samples.count * Math.ceil(voxels / (POINTWISE.voxels * lanes))
  return {
    shader: inNarrowSubgroups('conv3d/pointwise', at.facts),
    ...rest,
    normalisation: source.normalisation,
    constants: { ...constants, TURNS: turns },
    bindings: { ...bindings, x: source.window },
    params: { ...params, ...source.params, voxels },
    workgroups: tiledWorkgroups(groups, turns, Math.ceil(outputs.count / POINTWISE.outputs)),
  }
}

export function lowerPass(pass: Pass, at: Lowering): Dispatch[] {
  const tiled = isTiled(pass.weight, pass.stride)
  const size = sizeOfDispatch(pass, at.facts, tiled)
  const taps = (pass.weight.shape[2] as number) ** 3
  const volume = volumeOf(pass.target.shape, pass.target.name)
  const packed = at.scratch('packed', [Math.ceil(size.outputs / BLOCK), size.inputs, taps, BLOCK])
  const unpadded = isPointwise(pass.weight, pass.stride) ? pointwiseStep : voxelStep
  const brick = tiled
    ? at.scratch('brick', [size.samples, size.inputs, ...brickOf(volume).shape], pass.target.dtype)
    : undefined
  const dispatches: Dispatch[] = []
  for (const samples of ranges(volume.samples, size.samples))
    for (const slab of slabs(pass.sources, size.inputs, !tiled)) {
      if (brick) dispatches.push(...padSlab(slab, samples, brick, at))
      for (const outputs of ranges(volume.channels, size.outputs)) {
        const step = { pass, slab, samples, outputs, packed, at }
        dispatches.push(pack(pass, slab, outputs, packed), brick ? tiledStep(step, brick) : unpadded(step))
      }
    }
  return dispatches
}

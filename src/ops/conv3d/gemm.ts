import type { AdapterFacts, Dispatch, Lowering, Variant } from '../../graph/kernel.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { type Volume, volumeOf } from '../../util/shape.ts'
import { isTiled, type Pass } from './pass.ts'
import {
  bindingElements,
  channelWindow,
  dispatchSizeOf,
  type Range,
  ranges,
  rowOf,
  type Slab,
  slabs,
  sourceWindow,
  tiledWorkgroups,
  weightWindow,
} from './ranges.ts'
import { hasManyRegisters, inNarrowSubgroups } from './subgroups.ts'

/** Outputs of an invocation. The sums of eight on 2 × 4 voxels need more registers than some GPUs have. */
export type Each = 8 | 4

/** Tiles of a workgroup of lib/conv3d/gemm, output channels × voxels. Overrides of the shader. */
const SHAPES = {
  8: [
    { EACH: 8, OUTPUTS: 64, TILE_H: 4, TILE_W: 8, TILE_D: 8, LANES: 256 },
    { EACH: 8, OUTPUTS: 64, TILE_H: 8, TILE_W: 8, TILE_D: 4, LANES: 256 },
    { EACH: 8, OUTPUTS: 16, TILE_H: 8, TILE_W: 8, TILE_D: 8, LANES: 128 },
  ],
  4: [
    { EACH: 4, OUTPUTS: 32, TILE_H: 4, TILE_W: 8, TILE_D: 8, LANES: 256 },
    { EACH: 4, OUTPUTS: 32, TILE_H: 8, TILE_W: 8, TILE_D: 4, LANES: 256 },
    { EACH: 4, OUTPUTS: 16, TILE_H: 8, TILE_W: 8, TILE_D: 8, LANES: 256 },
  ],
} as const
type TileShape = (typeof SHAPES)[Each][number]

/** Of the largest of these shapes. */
const WORKGROUP = { bytes: 10 * 1024, lanes: 256 }

/** Invocations that keep a large GPU busy (an H100: 132 multiprocessors × 256). If a product has fewer, its channels are split. */
const INVOCATIONS = 2 ** 15
/** With fewer splits, the second stage costs more than it gains. */
const LEAST_SPLITS = 4
/** With fewer channels per split, the second stage costs more than it gains. */
const SPLIT_CHANNELS = 4
/** Elements that partial sums may take, within the binding limit. */
const PARTIALS_BUDGET = 2 ** 23

function tilesOf({ height, width, depth }: Volume, shape: TileShape): number {
  return Math.ceil(height / shape.TILE_H) * Math.ceil(width / shape.TILE_W) * Math.ceil(depth / shape.TILE_D)
}

/** Outputs × voxels, padding included. */
function paddedWork(target: Volume, outputs: number, shape: TileShape): number {
  const voxels = shape.TILE_H * shape.TILE_W * shape.TILE_D
  return Math.ceil(outputs / shape.OUTPUTS) * shape.OUTPUTS * tilesOf(target, shape) * voxels
}

/** The shape with the least padding; the first of several. */
function shapeFor(target: Volume, outputs: number, each: Each): TileShape {
  const work = SHAPES[each].map(shape => paddedWork(target, outputs, shape))
  return SHAPES[each][work.indexOf(Math.min(...work))] as TileShape
}

/** What a product asks of an adapter. */
interface Demand {
  weight: Tensor // (O, I, k, k, k)
  stride: number
  /** an activation of the output's volume */
  activation: Tensor // (N, C, H, W, D)
  /** of the largest workgroup */
  workgroup: { bytes: number; lanes: number }
}

/** Whether an adapter runs such workgroups, and can bind a channel of the activation and a row of the weight. */
export function fitsGemm({ weight, stride, activation, workgroup }: Demand, facts: AdapterFacts): boolean {
  const { voxels } = volumeOf(activation.shape, activation.name)
  return (
    isTiled(weight, stride) &&
    facts.maxWorkgroupInvocations >= workgroup.lanes &&
    facts.maxWorkgroupMemory >= workgroup.bytes &&
    Math.max(voxels, rowOf(weight)) <= bindingElements(facts)
  )
}

export function partialsBudget(facts: AdapterFacts): number {
  return Math.min(PARTIALS_BUDGET, bindingElements(facts))
}

/** The samples, summed and computed channels of one product. */
interface Step {
  pass: Pass
  slab: Slab
  samples: Range
  outputs: Range
  each: Each
}

/** Cuts a pass to respect the binding limit. */
function stepsOf(pass: Pass, each: Each, facts: AdapterFacts): Step[] {
  const { samples, channels, voxels } = volumeOf(pass.target.shape, pass.target.name)
  const size = dispatchSizeOf(
    {
      operation: `conv3d.${pass.direction}`,
      samples,
      inputs: sourceSide(pass.sources),
      outputs: { channels, elements: voxels },
      row: { side: pass.direction === 'forward' ? 'outputs' : 'inputs', elements: rowOf(pass.weight) },
    },
    facts,
  )
  return ranges(samples, size.samples).flatMap(range =>
    slabs(pass.sources, size.inputs, false).flatMap(slab =>
      ranges(channels, size.outputs).map(outputs => ({ pass, slab, samples: range, outputs, each })),
    ),
  )
}

/** What a product binds of its sources: each one separately. */
export function sourceSide(sources: readonly Tensor[]) {
  const channels = sources.map(({ shape }) => shape[1] as number)
  const [{ shape, name }] = sources as [Tensor]
  return {
    channels: channels.reduce((sum, count) => sum + count, 0),
    widest: Math.max(...channels),
    elements: volumeOf(shape, name).voxels,
  }
}

/**
 * Both sources of a slab as bindings and params. If a source needs a batch norm on load, it becomes `x`. Without a second source,
 * `other` is bound to the same tensor and never read.
 */
export function sourcesOf({ slab, samples }: { slab: Slab; samples: Range }, at: Lowering) {
  const [first, second] = slab.parts as [Slab['parts'][number], Slab['parts'][number]?]
  const fused = second && at.source(second.tensor).normalisation ? second : first
  const rest = fused === first ? second : first
  const x = sourceWindow(fused.tensor, samples, fused.channels, at)
  const other = rest ? channelWindow(rest.tensor, samples, rest.channels) : { window: x.window, base: 0 }
  return {
    normalisation: x.normalisation,
    bindings: { x: x.window, other: other.window },
    params: {
      ...x.params,
      inputs: slab.count,
      x_start: fused.at,
      x_inputs: fused.channels.count,
      other_start: rest?.at ?? 0,
      other_base: other.base,
      other_channels: rest?.tensor.shape[1] ?? 0,
    },
  }
}

function weightsOf({ pass, slab, outputs }: Step) {
  const forward = pass.direction === 'forward'
  const { window, base } = weightWindow(pass.weight, forward ? outputs : slab)
  const input = forward ? slab.start : (pass.first ?? 0) + outputs.start
  const row = rowOf(pass.weight)
  return {
    window,
    params: {
      weight_base: base + input * 27,
      output_stride: forward ? row : 27,
      input_stride: forward ? 27 : row,
      flip: forward ? 0 : 1,
    },
  }
}

/** Channels per split and number of splits that give a GPU enough invocations. */
function splitting({ slab, samples, outputs }: Step, target: Volume, shape: TileShape, facts: AdapterFacts) {
  const groups = samples.count * tilesOf(target, shape) * Math.ceil(outputs.count / shape.OUTPUTS)
  const affordable = partialsBudget(facts) / (samples.count * outputs.count * target.voxels)
  const wanted = Math.min(INVOCATIONS / (groups * shape.LANES), slab.count / SPLIT_CHANNELS, affordable)
  const channels = Math.ceil(slab.count / (wanted < LEAST_SPLITS ? 1 : Math.floor(wanted)))
  const splits = Math.ceil(slab.count / channels)
  return { channels, splits, groups: groups * splits }
}

function product(step: Step, at: Lowering) {
  const { pass, slab, samples, outputs, each } = step
  const target = volumeOf(pass.target.shape, pass.target.name)
  const shape = shapeFor(target, outputs.count, each)
  const { channels, splits, groups } = splitting(step, target, shape, at.facts)
  const sources = sourcesOf(step, at)
  const weights = weightsOf(step)
  const { height, width, depth } = target
  return {
    splits,
    constants: shape,
    normalisation: sources.normalisation,
    bindings: { ...sources.bindings, weight: weights.window },
    params: {
      ...{ ...sources.params, ...weights.params },
      ...{ samples: samples.count, outputs: outputs.count, bias_base: outputs.start },
      ...{ split_inputs: channels, splits, height, width, depth },
    },
    workgroups: tiledWorkgroups(groups, 1, 1),
    flops: 2 * samples.count * slab.count * outputs.count * 27 * target.voxels,
  }
}

function lowerStep(step: Step, at: Lowering): Dispatch[] {
  const { pass, slab, samples, outputs } = step
  const { splits, ...work } = product(step, at)
  const { channels, voxels, ...axes } = volumeOf(pass.target.shape, pass.target.name)
  const { window, base } = channelWindow(pass.target, samples, outputs)
  const bias: Record<string, Tensor> = pass.bias && slab.start === 0 ? { bias: pass.bias } : {}
  const entry = bias.bias ? 'forward' : 'add'
  const adding = { ACCUMULATE: pass.accumulate || slab.start > 0 ? 1 : 0 }
  const to = { y_base: base, y_channels: channels }
  if (splits === 1)
    return [
      {
        shader: inNarrowSubgroups('conv3d/gemm_whole', at.facts),
        entry,
        ...work,
        constants: { ...work.constants, ...adding },
        bindings: { ...work.bindings, ...bias, y: window },
        params: { ...work.params, ...to },
      },
    ]
  const shape = [splits, samples.count, outputs.count, axes.height, axes.width, axes.depth]
  const partials = at.scratch('partials', shape)
  const counts = { splits, samples: samples.count, outputs: outputs.count, voxels, bias_base: outputs.start }
  return [
    {
      shader: inNarrowSubgroups('conv3d/gemm_split', at.facts),
      ...work,
      bindings: { ...work.bindings, partials },
      params: { ...work.params, y_base: 0, y_channels: outputs.count },
    },
    {
      shader: 'conv3d/gemm_merge',
      entry,
      constants: adding,
      bindings: { partials, ...bias, y: window },
      params: { ...counts, ...to },
      invocations: samples.count * outputs.count * voxels,
    },
  ]
}

function variant(each: Each): Omit<Variant<Pass>, 'suits'> {
  return {
    name: each === 8 ? 'gemm' : 'gemm4',
    fits: ({ weight, stride, target }, facts) =>
      fitsGemm({ weight, stride, activation: target, workgroup: WORKGROUP }, facts),
    lower: (pass, at) => stepsOf(pass, each, at.facts).flatMap(step => lowerStep(step, at)),
  }
}

/** Implicit GEMM for GPUs: stages the input tile with its halo, and the weights, in workgroup memory. */
export const gemm: readonly [Variant<Pass>, Variant<Pass>] = [
  { ...variant(8), suits: (_, facts) => !facts.software && hasManyRegisters(facts) },
  { ...variant(4), suits: (_, facts) => !facts.software },
]

import type { AdapterFacts, Lowering } from '../../graph/kernel.ts'
import { type Tensor, WINDOW_ALIGNMENT, type Window, windowAlignment } from '../../graph/tensor.ts'
import { fold } from '../../graph/workgroups.ts'
import { ContractError } from '../../util/error.ts'
import { type Shape, type Volume, volumeOf } from '../../util/shape.ts'

/** Output channels per invocation: the last axis of packed weights. */
export const BLOCK = 4

/** The register tile of an invocation of conv3d/tiled, in voxels along H and W. */
const TILE = { height: 2, width: 4 }

/** Budget of one zero-bordered brick on a software adapter, which uses the host's memory. Elsewhere the binding limit applies. */
const SOFTWARE_BRICK_BYTES = 64 * 2 ** 20

/** A range of channels, samples or rows. */
export interface Range {
  start: number
  count: number
}

/** Cuts [0, total) into ranges of at most `size`. */
export function ranges(total: number, size: number): Range[] {
  return Array.from({ length: Math.ceil(total / size) }, (_, i) => ({
    start: i * size,
    count: Math.min(size, total - i * size),
  }))
}

/** The limit: 4-byte elements that a binding can hold, less those that aligning its offset may add. */
export function bindingElements(facts: AdapterFacts): number {
  return facts.maxBindingBytes / 4 - WINDOW_ALIGNMENT
}

/** How many items of `elements` each fit `limit` elements. Throws ContractError if not even one does. */
export function fitting(operation: string, item: string, elements: number, limit: number): number {
  const count = Math.floor(limit / elements)
  if (count < 1)
    throw new ContractError(operation, `elements of one ${item}`, elements, `at most ${limit} in a binding`)
  return count
}

/** How many of `samples` fit a binding at `perSample` elements each; 1 if not even one does. */
export function samplesAtOnce(samples: number, perSample: number, facts: AdapterFacts): number {
  return Math.max(1, Math.min(samples, Math.floor(bindingElements(facts) / perSample)))
}

/** The channels that a convolution reads or writes. */
interface Side {
  channels: number
  /** per channel, as the kernel binds it */
  elements: number
  /** of the widest tensor, if the kernel binds several; `channels` by default */
  widest?: number
  /** elements that a binding may take; the binding limit by default */
  budget?: number
}

/** What a convolution binds. In a backward-data pass, the inputs are the channels of the output gradient. */
interface Bound {
  operation: string
  samples: number
  inputs: Side
  outputs: Side
  /** elements of a row of the weight; a row is one channel of the side given */
  row: { side: 'inputs' | 'outputs'; elements: number }
}

/** Samples and channels that one dispatch takes. */
export interface DispatchSize {
  samples: number
  inputs: number
  outputs: number
}

/** The largest dispatch that keeps every binding within its limit. Throws ContractError if not even one channel fits. */
export function dispatchSizeOf({ operation, samples, row, ...sides }: Bound, facts: AdapterFacts): DispatchSize {
  const limit = bindingElements(facts)
  const channelsOf = (side: 'inputs' | 'outputs'): number => {
    const { channels, elements, budget = limit } = sides[side]
    const rows = row.side === side ? fitting(operation, 'row of the weight', row.elements, limit) : channels
    return Math.min(channels, rows, fitting(operation, `channel of the ${side}`, elements, budget))
  }
  const perSample = [sides.inputs, sides.outputs].map(
    ({ channels, elements, widest = channels, budget = limit }) => widest * elements * (limit / budget),
  )
  return {
    samples: samplesAtOnce(samples, Math.max(...perSample), facts),
    inputs: channelsOf('inputs'),
    outputs: channelsOf('outputs'),
  }
}

/** A run of elements, bound from the aligned offset at or below its start. `base` is its start within the binding. */
export function windowAt(t: Tensor, start: number, length: number): { window: Window; base: number } {
  const base = start % windowAlignment(t.dtype)
  return { window: { tensor: t, offset: start - base, length: length + base }, base }
}

/** The window of some channels of some samples of an activation. */
export function channelWindow(t: Tensor, samples: Range, channels: Range): { window: Window; base: number } {
  const { channels: all, voxels } = volumeOf(t.shape, t.name)
  const start = (samples.start * all + channels.start) * voxels
  return windowAt(t, start, ((samples.count - 1) * all + channels.count) * voxels)
}

/** The window of some channels of an activation's source, with the fields of Params that locate them in it. */
export function sourceWindow(t: Tensor, samples: Range, channels: Range, at: Lowering) {
  const { tensor, normalisation } = at.source(t)
  const { window, base } = channelWindow(tensor, samples, channels)
  const params = { x_base: base, x_channel: channels.start, x_channels: t.shape[1] as number }
  return { window, normalisation, params }
}

/** The window of some output channels of a weight (O, I, k, k, k). */
export function weightWindow(weight: Tensor, outputs: Range): { window: Window; base: number } {
  const row = rowOf(weight)
  return windowAt(weight, outputs.start * row, outputs.count * row)
}

/** A volume as a shader's vec3u. */
export function axesOf({ height, width, depth }: Volume): readonly [number, number, number] {
  return [height, width, depth]
}

/** Elements of one output channel of a weight. */
export function rowOf(weight: Tensor): number {
  const [, inputs, size] = weight.shape as [number, number, number]
  return inputs * size ** 3
}

/** Invocations per workgroup (lib/conv3d/folded): enough to fill a CPU's vector registers or a GPU's subgroups. */
export function lanesOf(facts: AdapterFacts): 16 | 64 {
  return facts.software ? 16 : 64
}

/** Workgroups for `count` invocations folded into x and z, times `blocks` in y. */
export function tiledWorkgroups(count: number, lanes: number, blocks: number): readonly [number, number, number] {
  const [x, z] = fold(Math.ceil(count / lanes))
  return [x, blocks, z]
}

/** The tiles of one channel and the zero-padded brick that they read. */
export function brickOf(volume: Volume): { shape: Shape; elements: number; tiles: number } {
  const rows = Math.ceil(volume.height / TILE.height)
  const columns = Math.ceil(volume.width / TILE.width)
  const shape = [rows * TILE.height + 2, columns * TILE.width + 2, volume.depth + 2] as const
  return { shape, elements: shape[0] * shape[1] * shape[2], tiles: rows * columns * volume.depth }
}

/** Elements that a brick may take. */
export function brickBudget(facts: AdapterFacts): number {
  return facts.software ? Math.min(bindingElements(facts), SOFTWARE_BRICK_BYTES / 4) : bindingElements(facts)
}

/** Some channels of the concatenated `sources`, and their place in each source. */
export interface Slab extends Range {
  parts: { tensor: Tensor; channels: Range; at: number }[]
}

/** Cuts the concatenated `sources` into slabs of at most `size` channels, each from a single source if `apart`. */
export function slabs(sources: readonly Tensor[], size: number, apart: boolean): Slab[] {
  const result: Slab[] = []
  let start = 0
  for (const source of sources) {
    const { channels } = volumeOf(source.shape, source.name)
    for (let first = 0; first < channels; ) {
      const open = result.at(-1)
      const joined = open && open.count < size && !(apart && open.parts[0]?.tensor !== source)
      const slab: Slab = joined ? open : { start: start + first, count: 0, parts: [] }
      if (!joined) result.push(slab)
      const count = Math.min(channels - first, size - slab.count)
      slab.parts.push({ tensor: source, channels: { start: first, count }, at: slab.count })
      slab.count += count
      first += count
    }
    start += channels
  }
  return result
}

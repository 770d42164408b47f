import type { AdapterFacts, Lowering } from '../../graph/kernel.ts'
import { elementBytes, type Tensor } from '../../graph/tensor.ts'
import { type Volume, volumeOf } from '../../util/shape.ts'
import { bindingElements, channelWindow, type Range } from './ranges.ts'

/** Subgroups of a workgroup. */
export const SUBGROUPS = 8

/** One shape of matrices, and the workgroup memory that each shader allows itself with it. */
export interface Family {
  /** M, N and K alike */
  size: 8 | 16
  /** invocations of a subgroup */
  subgroup: number
  convolve: Budget
  correlate: Budget
}

interface Budget {
  /** positions of a brick */
  positions: number
  /** elements from one of them to the next (lib/matrix_brick) */
  pitch: number
  /** bytes of workgroup memory */
  memory: number
}

const FAMILIES: readonly Family[] = [
  {
    size: 16,
    subgroup: 32,
    convolve: { positions: 672, pitch: 24, memory: 40_704 },
    correlate: { positions: 224, pitch: 40, memory: 43_520 },
  },
  {
    size: 8,
    subgroup: 8,
    convolve: { positions: 512, pitch: 8, memory: 10_368 },
    correlate: { positions: 160, pitch: 24, memory: 14_336 },
  },
]

const FEATURES = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix']

/** The family whose matrices an adapter multiplies, f16 into f32, in subgroups of one known size; undefined where there is none. */
export function familyOf(facts: AdapterFacts): Family | undefined {
  if (!FEATURES.every(feature => facts.features.has(feature))) return undefined
  return FAMILIES.find(
    ({ size, subgroup, convolve, correlate }) =>
      facts.subgroupSizes.min === subgroup &&
      facts.subgroupSizes.max === subgroup &&
      facts.maxWorkgroupInvocations >= SUBGROUPS * subgroup &&
      facts.maxWorkgroupMemory >= Math.max(convolve.memory, correlate.memory) &&
      facts.subgroupMatrices.some(
        ({ componentType, resultComponentType, M, N, K }) =>
          componentType === 'f16' && resultComponentType === 'f32' && M === size && N === size && K === size,
      ),
  )
}

/** A shader for the matrices of a family. WGSL wants these numbers as literals. */
export function matrixShader(name: string, { size, subgroup }: Family, { positions, pitch }: Budget): string {
  return `${name} EDGE=${size} INVOCATIONS=${SUBGROUPS * subgroup} POSITIONS=${positions} PITCH=${pitch}`
}

/** The least input channels at which the zeros that fill up a matrix do not eat its advantage. */
const LEAST_INPUTS = 8

/**
 * Whether a convolution shall round its inputs to f16 where nothing was measured: only where f16 was asked for, and on a GPU. A
 * software adapter computes matrices element by element.
 */
export function isWorthRounding(weight: Tensor, facts: AdapterFacts): boolean {
  const summed = Math.min(...weight.shape.slice(0, 2))
  return facts.precision === 'f16' && !facts.software && summed >= LEAST_INPUTS
}

/** How a volume is cut into tiles, and how a tile lies in workgroup memory (lib/matrix_brick). */
export interface BrickLayout {
  tile: readonly [number, number, number]
  /** tiles of a sample along H, W, D */
  tiles: readonly [number, number, number]
  pitch: number
  plane: number
  positions: number
  runs: number
  run_step: number
}

interface BrickNeed {
  /** positions of a run */
  run: number
  /** runs of a tile, at most */
  runs: number
  /** budget of positions of a brick */
  positions: number
  /** positions that the kernel reaches beyond the tile, both sides together: within a plane, and in planes */
  halo: number
  planes: number
}

/** Tiles of `width` columns: as deep as a run with a halo beside it, or, `whole`, as deep as the volume. */
function layoutOf(volume: Volume, need: BrickNeed, width: number, whole: boolean): BrickLayout | undefined {
  const depth = whole ? volume.depth : need.run
  const pitch = depth + (whole ? need.halo / 2 : need.halo)
  const plane = (width + need.halo) * pitch
  const runs = whole ? Math.ceil((width * pitch) / need.run) : width
  const run_step = whole ? need.run : pitch
  const height = Math.min(volume.height, Math.floor(need.runs / runs))
  const last = (height - 1 + need.planes) * plane + (runs - 1) * run_step + need.run - 1
  const positions = last + need.halo * pitch + need.halo + 1
  if (height < 1 || positions > need.positions) return undefined
  const tiles = [
    Math.ceil(volume.height / height),
    Math.ceil(volume.width / width),
    Math.ceil(volume.depth / depth),
  ] as const
  return { tile: [height, width, depth], tiles, pitch, plane, positions, runs, run_step }
}

/** The layout with the fewest tiles, of those the one with the smallest brick; undefined where not even one column fits. */
export function brickLayout(volume: Volume, need: BrickNeed): BrickLayout | undefined {
  const widths = Array.from({ length: Math.min(volume.width, need.runs * need.run) }, (_, i) => i + 1)
  const layouts = [true, false].flatMap(whole => widths.map(width => layoutOf(volume, need, width, whole)))
  const cost = ({ tiles, positions }: BrickLayout): number =>
    tiles[0] * tiles[1] * tiles[2] * need.positions + positions
  return layouts
    .filter(layout => layout !== undefined)
    .reduce<BrickLayout | undefined>((best, each) => (best && cost(best) <= cost(each) ? best : each), undefined)
}

/** Samples that every one of `tensors` can bind at once; 0 where not even one fits. */
export function samplesTogether(tensors: readonly Tensor[], facts: AdapterFacts): number {
  const limits = tensors.map(t => {
    const { samples, channels, voxels } = volumeOf(t.shape, t.name)
    return Math.min(samples, Math.floor((bindingElements(facts) * 4) / (channels * voxels * elementBytes(t.dtype))))
  })
  return Math.min(...limits)
}

/**
 * The sources of a convolution as lib/matrix_brick binds them: x, and the second input or x again. One of them is normalised as it is
 * loaded, the first that is left to its readers.
 */
export function bindSources(given: readonly Tensor[], samples: Range, at: Lowering) {
  const deferred = Math.max(
    given.findIndex(t => at.source(t).normalisation),
    0,
  )
  const { tensor, normalisation } = at.source(given[deferred] as Tensor)
  const sources = given.with(deferred, tensor)
  const [x, second = x] = sources.map(t => ({
    channels: t.shape[1] as number,
    ...channelWindow(t, samples, { start: 0, count: t.shape[1] as number }),
  }))
  const inputs = sources.reduce((sum, { shape }) => sum + (shape[1] as number), 0)
  return {
    normalisation,
    constants: { SECOND_SOURCE: deferred },
    bindings: { x: x!.window, second: second!.window },
    params: { inputs, x_channels: x!.channels, x_base: x!.base, second_base: second!.base },
  }
}

/** The params that say how the tiles of `samples` samples lie. */
export function layoutParams(volume: Volume, { tiles, ...layout }: BrickLayout, samples: number) {
  return {
    volume: [volume.height, volume.width, volume.depth],
    ...layout,
    tiles,
    all_tiles: samples * tiles[0] * tiles[1] * tiles[2],
  }
}

import type { AdapterFacts, Lowering } from '../../graph/kernel.ts'
import { elementBytes, type Tensor } from '../../graph/tensor.ts'
import { type Volume, volumeOf } from '../../util/shape.ts'
import { bindingElements, channelWindow, type Range } from './ranges.ts'

/** Subgroups per workgroup. */
export const SUBGROUPS = 8

/** A matrix shape, with the budget of workgroup memory that each shader has for it. */
export interface Family {
  /** M = N = K */
  size: 8 | 16
  /** invocations of a subgroup */
  subgroup: number
  /** the adapter has subgroups of other sizes too, so the shaders demand this one */
  isDemanded: boolean
  convolve: Budget
  correlate: Budget
}

interface Budget {
  /** positions of a brick */
  positions: number
  /** elements between two positions (lib/conv3d/matrix_brick) */
  pitch: number
  /** bytes of workgroup memory */
  memory: number
}

const FAMILIES: readonly Omit<Family, 'isDemanded'>[] = [
  {
    size: 16,
    subgroup: 32,
    convolve: { positions: 672, pitch: 24, memory: 40_704 },
    correlate: { positions: 224, pitch: 40, memory: 43_520 },
  },
  ...[32, 8].map(subgroup => ({
    size: 8 as const,
    subgroup,
    convolve: { positions: 512, pitch: 8, memory: 10_368 },
    correlate: { positions: 160, pitch: 24, memory: 14_336 },
  })),
]

const FEATURES = ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix']

/** The family that an adapter supports (f16 into f32, subgroups of its size); undefined if there is none. */
export function familyOf(facts: AdapterFacts): Family | undefined {
  if (!FEATURES.every(feature => facts.features.has(feature))) return undefined
  const { min, max } = facts.subgroupSizes
  const isDemanded = min < max
  if (isDemanded && !facts.features.has('subgroup-size-control')) return undefined
  const family = FAMILIES.find(
    ({ size, subgroup, convolve, correlate }) =>
      min <= subgroup &&
      subgroup <= max &&
      facts.maxWorkgroupInvocations >= SUBGROUPS * subgroup &&
      facts.maxWorkgroupMemory >= Math.max(convolve.memory, correlate.memory) &&
      facts.subgroupMatrices.some(
        ({ componentType, resultComponentType, M, N, K }) =>
          componentType === 'f16' && resultComponentType === 'f32' && M === size && N === size && K === size,
      ),
  )
  return family && { ...family, isDemanded }
}

/** The name of a shader for a family. WGSL requires these numbers as literals. */
export function matrixShader(
  name: string,
  { size, subgroup, isDemanded }: Family,
  { positions, pitch }: Budget,
): string {
  const words = `EDGE=${size} INVOCATIONS=${SUBGROUPS * subgroup} POSITIONS=${positions} PITCH=${pitch}`
  return [name, words, ...(isDemanded ? [`SUBGROUP=${subgroup}`] : [])].join(' ')
}

/** With fewer channels, zero padding cancels the advantage of matrices. */
const LEAST_INPUTS = 8

/**
 * Whether to round the inputs of a convolution to f16 without a measurement: only in f16 precision and on a GPU. A software adapter
 * computes matrices element by element.
 */
export function isWorthRounding(weight: Tensor, facts: AdapterFacts): boolean {
  const summed = Math.min(...weight.shape.slice(0, 2))
  return facts.precision === 'f16' && !facts.software && summed >= LEAST_INPUTS
}

/** How a volume is cut into tiles, and the layout of a tile in workgroup memory (lib/conv3d/matrix_brick). */
export interface BrickLayout {
  tile: readonly [number, number, number]
  /** tiles per sample along H, W, D */
  tiles: readonly [number, number, number]
  pitch: number
  plane: number
  positions: number
  runs: number
  run_step: number
}

interface BrickNeed {
  /** positions per run */
  run: number
  /** largest number of runs per tile */
  runs: number
  /** budget of positions per brick */
  positions: number
  /** positions that the kernel reaches beyond the tile, both sides together: within a plane, and in planes */
  halo: number
  planes: number
}

/** Tiles of `width` columns. Their depth is one run, or the whole volume's if `whole`. */
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

/** The layout with the fewest tiles, then the smallest brick; undefined if not even one column fits. */
export function brickLayout(volume: Volume, need: BrickNeed): BrickLayout | undefined {
  const widths = Array.from({ length: Math.min(volume.width, need.runs * need.run) }, (_, i) => i + 1)
  const layouts = [true, false].flatMap(whole => widths.map(width => layoutOf(volume, need, width, whole)))
  const cost = ({ tiles, positions }: BrickLayout): number =>
    tiles[0] * tiles[1] * tiles[2] * need.positions + positions
  return layouts
    .filter(layout => layout !== undefined)
    .reduce<BrickLayout | undefined>((best, each) => (best && cost(best) <= cost(each) ? best : each), undefined)
}

/** Samples that fit a binding in each of `tensors`; 0 if not even one fits. */
export function samplesTogether(tensors: readonly Tensor[], facts: AdapterFacts): number {
  const limits = tensors.map(t => {
    const { samples, channels, voxels } = volumeOf(t.shape, t.name)
    return Math.min(samples, Math.floor((bindingElements(facts) * 4) / (channels * voxels * elementBytes(t.dtype))))
  })
  return Math.min(...limits)
}

/**
 * The sources of a convolution as lib/conv3d/matrix_brick binds them: x, and the second input or x again. The first deferred source is
 * normalised on load.
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

/** The params that describe the tiles of `samples` samples. */
export function layoutParams(volume: Volume, { tiles, ...layout }: BrickLayout, samples: number) {
  return {
    volume: [volume.height, volume.width, volume.depth],
    ...layout,
    tiles,
    all_tiles: samples * tiles[0] * tiles[1] * tiles[2],
  }
}

import type { AdapterFacts, Dispatch, Lowering, Variant } from '../../graph/kernel.ts'
import type { Tensor } from '../../graph/tensor.ts'
import { type Shape, sizeOf, type Volume, volumeOf } from '../../util/shape.ts'
import { convolution, padSlab, type Step, sizeOfDispatch, weightMatrix } from './direct.ts'
import { isTiled, type Pass } from './pass.ts'
import { brickBudget, lanesOf, ranges, slabs, tiledWorkgroups } from './ranges.ts'

/** The strip of an invocation, in voxels along H and W. */
const EDGE = 4
/** Output channels of an invocation. */
const OUTPUTS = 8
/** Transformed weights per pair of channels: nine taps along W and D, six frequencies along H, and those after padding. */
const USED = 54
const WEIGHTS = 64
/** Beyond these channels, Winograd along all axes saves more multiply-adds than it costs loads and stores (docs/performance.md). */
const MOST = { inputs: 16, outputs: 8 }
/** Without a measurement on the spot, only this width is known to gain (lavapipe on AVX2). */
const MEASURED_LANES = 8
/** The smallest share of the strips' voxels that must lie inside the volume. */
const LEAST_OCCUPANCY = 0.6
/** Strips below which workgroups are too few to be worth a brick. */
const LEAST_STRIPS = 16

/** Invocations that share their neighbours along D: a subgroup. */
function sharingLanes({ features, subgroupSizes: { min, max } }: AdapterFacts): 4 | 8 | 16 | undefined {
  return features.has('subgroups') && min === max ? ([4, 8, 16] as const).find(lanes => lanes === min) : undefined
}

interface Strips {
  /** strips of one sample, each of `lanes` invocations */
  count: number
  brick: Shape
  /** the share of the strips' voxels that lies inside the volume */
  occupancy: number
}

function stripsOf({ height, width, depth, voxels }: Volume, lanes: number): Strips {
  const [rows, columns, segments] = [height / EDGE, width / EDGE, depth / lanes].map(Math.ceil) as [
    number,
    number,
    number,
  ]
  const count = rows * columns * segments
  return {
    count,
    brick: [rows * EDGE + 2, columns * EDGE + 2, segments * lanes + 2],
    occupancy: voxels / (count * EDGE * EDGE * lanes),
  }
}

function suits({ sources, target }: Pass, facts: AdapterFacts): boolean {
  const lanes = sharingLanes(facts)
  if (lanes !== MEASURED_LANES) return false
  const inputs = sources.reduce((sum, { shape }) => sum + shape[1]!, 0)
  const few = inputs <= MOST.inputs && target.shape[1]! <= MOST.outputs
  const { count, occupancy } = stripsOf(volumeOf(target.shape, target.name), lanes)
  return few && occupancy >= LEAST_OCCUPANCY && count * target.shape[0]! >= LEAST_STRIPS
}

function convolve(step: Step, brick: Tensor, lanes: 4 | 8 | 16): Dispatch {
  const target = volumeOf(step.pass.target.shape, step.pass.target.name)
  const { height, width, depth } = target
  const { bindings, params, ...rest } = convolution(step)
  const columns = lanes / 2 // positions whose neighbours fit a vector
  const invocations = step.samples.count * stripsOf(target, lanes).count * lanes
  return {
    shader: `conv3d/strip LANES=${lanes} COLUMNS=${columns} GROUPS=${Math.ceil(6 / columns)} LOADS=${Math.ceil(USED / lanes)}`,
    ...rest,
    bindings: { ...bindings, brick },
    params: { ...params, height, width, depth },
    workgroups: tiledWorkgroups(invocations, lanesOf(step.at.facts), Math.ceil(step.outputs.count / OUTPUTS)),
  }
}

function lower(pass: Pass, at: Lowering): Dispatch[] {
  const lanes = sharingLanes(at.facts)!
  const volume = volumeOf(pass.target.shape, pass.target.name)
  const { brick: shape } = stripsOf(volume, lanes)
  const channels = pass.sources.reduce((sum, source) => sum + source.shape[1]!, 0)
  const inputs = { channels, elements: sizeOf(shape), budget: brickBudget(at.facts) }
  const size = sizeOfDispatch(pass, inputs, { outputs: OUTPUTS, elements: WEIGHTS * OUTPUTS }, at.facts)
  const packed = at.scratch('packed', [Math.ceil(size.outputs / OUTPUTS), size.inputs, OUTPUTS, WEIGHTS])
  const brick = at.scratch('brick', [size.samples, size.inputs, ...shape], pass.target.dtype)
  return ranges(volume.samples, size.samples).flatMap(samples =>
    slabs(pass.sources, size.inputs, false).flatMap(slab => [
      ...padSlab(slab, samples, brick, at),
      ...ranges(volume.channels, size.outputs).flatMap(outputs => {
        const { constants, window, params } = weightMatrix(pass, slab, outputs)
        return [
          {
            shader: 'conv3d/strip_weight',
            constants,
            bindings: { weight: window, packed },
            params,
            invocations: Math.ceil(outputs.count / OUTPUTS) * OUTPUTS * slab.count,
          },
          convolve({ pass, slab, samples, outputs, packed, at }, brick, lanes),
        ]
      }),
    ]),
  )
}

/** Winograd along H only, without intermediate results in memory: for few channels on a software adapter. */
export const strip: Variant<Pass> = {
  name: 'strip',
  fits: ({ weight, stride }, facts) => facts.software && isTiled(weight, stride) && sharingLanes(facts) !== undefined,
  suits,
  lower,
}

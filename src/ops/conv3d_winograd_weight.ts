import type { AdapterFacts, Dispatch, Lowering, Variant } from '../graph/kernel.ts'
import type { BackwardWeightArgs } from './conv3d_backward_weight.ts'
import { bindingElements, rowOf, weightWindow } from './conv3d_layout.ts'
import { isTiled } from './conv3d_pass.ts'
import {
  BLOCK_TILES,
  FREQUENCIES,
  frequencyStride,
  isWorthwhile,
  samplesAtOnce,
  slabBlocks,
  tileSlabs,
  tilesOf,
  transformInput,
} from './conv3d_winograd.ts'

/** Input and output channels of one invocation of conv3d/winograd_correlate, and of one workgroup of winograd_correlate_wide. */
const SQUARE = { shader: 'conv3d/winograd_correlate', entry: 'tiles', inputs: 8, outputs: 8 } as const
const WIDE = { shader: 'conv3d/winograd_correlate_wide', entry: 'tiles_by_channel', inputs: 17, outputs: 64 } as const

function workOf(block: typeof SQUARE | typeof WIDE, inputs: number, outputs: number) {
  const grid = [Math.ceil(inputs / block.inputs), Math.ceil(outputs / block.outputs), FREQUENCIES] as const
  return block === WIDE ? { workgroups: grid } : { invocations: grid[0] * grid[1] * grid[2] }
}

/** With fewer output channels most of a wide workgroup would compute nothing. */
const LEAST_WIDE = 48

function fits(args: BackwardWeightArgs, facts: AdapterFacts): boolean {
  const [outputs, inputs] = args.gradient.shape as [number, number]
  const limit = bindingElements(facts)
  return (
    isTiled(args.gradient, args.stride) &&
    FREQUENCIES * inputs * outputs <= limit &&
    rowOf(args.gradient) * outputs <= limit &&
    FREQUENCIES * frequencyStride(1, Math.max(inputs, outputs)) <= limit
  )
}

function lower({ sources, dy, gradient, accumulate }: BackwardWeightArgs, { facts, scratch }: Lowering): Dispatch[] {
  const [outputs, inputs] = gradient.shape as [number, number]
  const block = outputs < LEAST_WIDE ? SQUARE : WIDE
  const wider = Math.max(inputs, outputs)
  const samples = samplesAtOnce(dy, wider, facts)
  const blocks = slabBlocks(wider, samples * tilesOf(dy), facts)
  const v = scratch('v', [FREQUENCIES, frequencyStride(blocks, inputs)])
  const dm = scratch('dm', [FREQUENCIES, frequencyStride(blocks, outputs)])
  const du = scratch('du', [FREQUENCIES, outputs, inputs])
  const { window, base } = weightWindow(gradient, { start: 0, count: outputs })
  return [
    ...tileSlabs(dy, samples, blocks).flatMap((slab, i) => [
      ...transformInput('patches', sources, slab, v, facts),
      ...transformInput(block.entry, [dy], slab, dm, facts),
      {
        shader: block.shader,
        constants: { ACCUMULATE: i > 0 ? 1 : 0 },
        bindings: { v, dm, du },
        params: {
          inputs,
          outputs,
          blocks: slab.blocks.count,
          v_stride: frequencyStride(slab.blocks.count, inputs),
          dm_stride: frequencyStride(slab.blocks.count, outputs),
        },
        ...workOf(block, inputs, outputs),
        flops: 2 * FREQUENCIES * BLOCK_TILES * slab.blocks.count * outputs * inputs,
      },
    ]),
    {
      shader: 'conv3d/winograd_weight_gradient',
      constants: { ACCUMULATE: accumulate ? 1 : 0 },
      bindings: { du, gradient: window },
      params: { pairs: outputs * inputs, base },
      invocations: outputs * inputs,
    },
  ]
}

/** As the forward pass's: dU = Σ dM V over tiles in order, then dw = Gᵀ dU. */
export const winogradWeight: Variant<BackwardWeightArgs> = {
  name: 'winograd',
  fits,
  suits: ({ gradient, dy }, facts) => isWorthwhile(gradient, dy, facts),
  lower,
}

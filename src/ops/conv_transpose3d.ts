import { type AdapterFacts, type Dispatch, kernel, type Lowering } from '../graph/kernel.ts'
import type { GradientTarget, Tape } from '../graph/tape.ts'
import type { Tensor } from '../graph/tensor.ts'
import { ContractError } from '../util/error.ts'
import { sameShape, volumeOf } from '../util/shape.ts'
import { backwardBias } from './conv3d/bias.ts'
import { chunking, sumPartials } from './conv3d/chunks.ts'
import {
  axesOf,
  bindingElements,
  channelWindow,
  type DispatchSize,
  dispatchSizeOf,
  lanesOf,
  type Range,
  ranges,
  sourceWindow,
  tiledWorkgroups,
  windowAt,
} from './conv3d/ranges.ts'

const TAPS = 8

/** Output channels per invocation of conv_transpose3d/forward; input channels per invocation of the backward kernels. */
const PAIR = 2
const BLOCK = 4

function sizeOfDispatch(x: Tensor, weight: Tensor, facts: AdapterFacts): DispatchSize {
  const operation = 'convTranspose3d'
  const { samples, voxels } = volumeOf(x.shape, operation)
  const [inputs, outputs] = weight.shape as [number, number]
  return dispatchSizeOf(
    {
      operation,
      samples,
      inputs: { channels: inputs, elements: voxels },
      outputs: { channels: outputs, elements: voxels * TAPS },
      row: { side: 'inputs', elements: outputs * TAPS },
    },
    facts,
  )
}

/** All combinations of sample, input and output ranges, samples slowest. */
function steps(x: Tensor, weight: Tensor, size: DispatchSize): { samples: Range; inputs: Range; outputs: Range }[] {
  const [inputs, outputs] = weight.shape as [number, number]
  return ranges(x.shape[0] as number, size.samples).flatMap(s =>
    ranges(inputs, size.inputs).flatMap(i =>
      ranges(outputs, size.outputs).map(o => ({ samples: s, inputs: i, outputs: o })),
    ),
  )
}

/** The window of the weight's rows (input channels), with the fields of Params that locate them in it. */
function weightRows(weight: Tensor, inputs: Range, outputs: Range) {
  const total = weight.shape[1] as number
  const { window, base } = windowAt(weight, inputs.start * total * TAPS, inputs.count * total * TAPS)
  return { window, params: { first_output: outputs.start, weight_base: base / 4, weight_outputs: total } }
}

function counts(x: Tensor, samples: Range, inputs: Range, outputs: Range) {
  const volume = axesOf(volumeOf(x.shape, x.name))
  return { samples: samples.count, inputs: inputs.count, outputs: outputs.count, volume }
}

function flopsOf(x: Tensor, samples: Range, inputs: Range, outputs: Range): number {
  return 2 * samples.count * inputs.count * outputs.count * TAPS * volumeOf(x.shape, x.name).voxels
}

interface ForwardArgs {
  x: Tensor // (N, I, H, W, D)
  weight: Tensor // (I, O, 2, 2, 2)
  bias: Tensor // (O)
  y: Tensor // (N, O, 2H, 2W, 2D)
}

function lowerForward({ x, weight, bias, y }: ForwardArgs, at: Lowering): Dispatch[] {
  const lanes = lanesOf(at.facts)
  const { voxels } = volumeOf(x.shape, x.name)
  return steps(x, weight, sizeOfDispatch(x, weight, at.facts)).map(({ samples, inputs, outputs }) => {
    const from = sourceWindow(x, samples, inputs, at)
    const to = channelWindow(y, samples, outputs)
    const rows = weightRows(weight, inputs, outputs)
    const first = inputs.start === 0
    return {
      shader: 'conv_transpose3d/forward',
      entry: first ? 'forward' : 'add',
      constants: { ACCUMULATE: first ? 0 : 1, WORKGROUP: lanes },
      normalisation: from.normalisation,
      bindings: { x: from.window, weight: rows.window, y: to.window, ...(first ? { bias } : {}) },
      params: {
        ...counts(x, samples, inputs, outputs),
        ...rows.params,
        ...from.params,
        y_base: to.base,
        y_channels: y.shape[1] as number,
      },
      workgroups: tiledWorkgroups(samples.count * voxels, lanes, Math.ceil(outputs.count / PAIR)),
      flops: flopsOf(x, samples, inputs, outputs),
    }
  })
}

const forward = kernel('convTranspose3d.forward', lowerForward)

interface BackwardDataArgs {
  dy: Tensor
  weight: Tensor
  dx: Tensor
  accumulate: boolean
}

function lowerBackwardData({ dy, weight, dx, accumulate }: BackwardDataArgs, { facts }: Lowering): Dispatch[] {
  const lanes = lanesOf(facts)
  const { voxels, channels } = volumeOf(dx.shape, dx.name)
  return steps(dx, weight, sizeOfDispatch(dx, weight, facts)).map(({ samples, inputs, outputs }) => {
    const from = channelWindow(dy, samples, outputs)
    const to = channelWindow(dx, samples, inputs)
    const rows = weightRows(weight, inputs, outputs)
    return {
      shader: 'conv_transpose3d/backward_data',
      constants: { ACCUMULATE: accumulate || outputs.start > 0 ? 1 : 0, WORKGROUP: lanes },
      bindings: { dy: from.window, weight: rows.window, y: to.window },
      params: {
        ...counts(dx, samples, inputs, outputs),
        ...rows.params,
        dy_base: from.base,
        dy_channels: dy.shape[1] as number,
        y_base: to.base,
        y_channels: channels,
      },
      workgroups: tiledWorkgroups(samples.count * voxels, lanes, Math.ceil(inputs.count / BLOCK)),
      flops: flopsOf(dx, samples, inputs, outputs),
    }
  })
}

const backwardData = kernel('convTranspose3d.backwardData', lowerBackwardData)

interface BackwardWeightArgs {
  x: Tensor
  dy: Tensor
  gradient: Tensor // (I, O, 2, 2, 2)
  accumulate: boolean
}

function lowerBackwardWeight({ x, dy, gradient, accumulate }: BackwardWeightArgs, at: Lowering): Dispatch[] {
  const lanes = lanesOf(at.facts)
  const { voxels } = volumeOf(x.shape, x.name)
  const size = sizeOfDispatch(x, gradient, at.facts)
  const { chunk, chunks } = chunking({
    positions: size.samples * voxels,
    lanes,
    groups: Math.ceil(size.inputs / BLOCK) * size.outputs,
    partials: size.inputs * size.outputs * TAPS,
    budget: bindingElements(at.facts),
  })
  const partials = at.scratch('partials', [chunks, size.inputs, size.outputs, TAPS])
  const row = (gradient.shape[1] as number) * TAPS
  return steps(x, gradient, size).flatMap(({ samples, inputs, outputs }): Dispatch[] => {
    const from = sourceWindow(x, samples, inputs, at)
    const above = channelWindow(dy, samples, outputs)
    const to = windowAt(gradient, inputs.start * row, inputs.count * row)
    return [
      {
        shader: 'conv_transpose3d/backward_weight',
        constants: { WORKGROUP: lanes },
        normalisation: from.normalisation,
        bindings: { x: from.window, dy: above.window, gradient: partials },
        params: {
          ...counts(x, samples, inputs, outputs),
          ...from.params,
          dy_base: above.base,
          dy_channels: dy.shape[1] as number,
          chunk_voxels: chunk,
        },
        workgroups: [Math.ceil(inputs.count / BLOCK), outputs.count, chunks],
        flops: flopsOf(x, samples, inputs, outputs),
      },
      sumPartials(partials, to.window, accumulate || samples.start > 0, {
        chunks,
        rows: inputs.count,
        columns: outputs.count * TAPS,
        base: to.base + outputs.start * TAPS,
        row_stride: row,
      }),
    ]
  })
}

const backwardWeight = kernel('convTranspose3d.backwardWeight', lowerBackwardWeight)

/**
 * Transposed 3D convolution, kernel 2, stride 2, of x (N, I, H, W, D) with weight (I, O, 2, 2, 2) and bias (O).
 * Returns (N, O, 2H, 2W, 2D). Throws ContractError on mismatched shapes.
 */
export function convTranspose3d(tape: Tape, x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const { samples, channels, height, width, depth } = volumeOf(x.shape, 'convTranspose3d')
  const outputs = weight.shape[1] as number
  if (!sameShape(weight.shape, [channels, outputs, 2, 2, 2]))
    throw new ContractError('convTranspose3d', 'weight shape', weight.shape, `(${channels}, O, 2, 2, 2)`)
  if (!sameShape(bias.shape, [outputs]))
    throw new ContractError('convTranspose3d', 'bias shape', bias.shape, `(${outputs})`)
  const y = tape.temporary('convTranspose3d', [samples, outputs, 2 * height, 2 * width, 2 * depth], x.dtype)
  tape.run(forward, { x, weight, bias, y })
  tape.backward(y, [
    [x, (dy, { tensor: dx, accumulate }: GradientTarget) => tape.run(backwardData, { dy, weight, dx, accumulate })],
    [
      weight,
      (dy, { tensor: gradient, accumulate }: GradientTarget) =>
        tape.run(backwardWeight, { x, dy, gradient, accumulate }),
    ],
    [
      bias,
      (dy, { tensor: gradient, accumulate }: GradientTarget) => tape.run(backwardBias, { dy, gradient, accumulate }),
    ],
  ])
  return y
}

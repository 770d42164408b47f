import { type Dispatch, kernel } from '../graph/kernel.ts'
import type { GradientTarget, Tape } from '../graph/tape.ts'
import { slices, type Tensor, windowOf } from '../graph/tensor.ts'
import { volumeOf } from '../util/shape.ts'
import { elementwiseCut, planesOf, reductionCut, spansOf, workgroupEach } from './work.ts'

/** The mean over voxels: x (N, C, H, W, D), f32 or f16 → (N, C), f32. */
export function globalMean(tape: Tape, x: Tensor): Tensor {
  const { samples, channels } = volumeOf(x.shape, 'globalMean')
  const y = tape.temporary('globalMean', [samples, channels])
  tape.run(forward, { x, y })
  tape.backward(y, [[x, (dOutput, into) => tape.run(backward, { dOutput, into })]])
  return y
}

/** Slices of an (N, C, H, W, D) tensor that fit a binding, each with its planes. */
function slicesOf(t: Tensor, maxBytes: number) {
  const { samples, channels, voxels } = volumeOf(t.shape, 'globalMean')
  return slices(samples, channels, voxels, maxBytes, t.dtype).map(slice => ({ slice, ...planesOf(slice, channels) }))
}

const forward = kernel('globalMean.forward', ({ x, y }: { x: Tensor; y: Tensor }, at): Dispatch[] => {
  const { samples, channels, voxels } = volumeOf(x.shape, 'globalMean')
  const cut = reductionCut(samples * channels, voxels, 4, at.facts)
  const partials = at.scratch('partials', [samples, channels, cut[3]])
  const { tensor, normalisation } = at.source(x)
  const sums = slicesOf(x, at.facts.maxBindingBytes).map(
    ({ slice, ...planes }): Dispatch => ({
      shader: 'global_mean/sums',
      normalisation,
      bindings: { x: windowOf(tensor, slice), partials },
      ...spansOf(cut, planes),
    }),
  )
  const planes = samples * channels
  const mean: Dispatch = {
    shader: 'global_mean/mean',
    bindings: { partials, y },
    params: { ...spansOf(cut, { planes, channels: planes }).params, samples: 1 },
    workgroups: workgroupEach(planes),
  }
  return [...sums, mean]
})

interface Backward {
  dOutput: Tensor // (N, C)
  into: GradientTarget // (N, C, H, W, D)
}

const backward = kernel('globalMean.backward', ({ dOutput, into }: Backward, { facts }): Dispatch[] => {
  const cut = elementwiseCut(volumeOf(into.tensor.shape, 'globalMean').voxels, facts)
  return slicesOf(into.tensor, facts.maxBindingBytes).map(({ slice, ...planes }) => ({
    shader: 'global_mean/backward',
    bindings: { d_output: dOutput, d_input: windowOf(into.tensor, slice) },
    constants: { ACCUMULATE: Number(into.accumulate) },
    ...spansOf(cut, planes),
  }))
})

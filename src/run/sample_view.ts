import type { SadaanShape } from '../nn/specification.ts'
import type { SampleView } from '../report/sample/view.ts'
import { sizeOf } from '../util/shape.ts'

/** What a sample's picture needs to know of model and dataset. */
export interface ViewSetting {
  shape: SadaanShape
  structureNames: readonly string[]
  /** presence_threshold */
  threshold: number
}

/** A batch, and what a model says of it; N may be larger than the samples looked at. */
export interface SeenBatch {
  images: Float32Array // (N, C, H, W, D)
  maskBits: Uint32Array // (N, S, V/32)
  presence: Float32Array // (N, S)
  presenceProbability: Float32Array // (N, S)
  predicted: Uint32Array // (N, S, V/32), without the presence gate
}

/**
 * Copies sample `i` out of a batch, its first channel for the image; a structure predicted absent gets an empty mask, as at inference.
 * @param attention (S, H, W, D) of this sample
 */
export function sampleView(
  { shape, structureNames, threshold }: ViewSetting,
  { images, maskBits, presence, presenceProbability, predicted }: SeenBatch,
  i: number,
  title: string,
  attention?: Float32Array,
): SampleView {
  const voxels = sizeOf(shape.size)
  const words = voxels / 32
  const first = i * shape.inChannels * voxels
  const structures = structureNames.map((name, s) => {
    const pair = i * shape.structures + s
    const at = [pair * words, (pair + 1) * words] as const
    const probability = presenceProbability[pair]!
    return {
      name,
      truth: maskBits.slice(...at),
      prediction: probability > threshold ? predicted.slice(...at) : new Uint32Array(words),
      presence: presence[pair]!,
      probability,
      ...(attention && { attention: attention.slice(s * voxels, (s + 1) * voxels) }),
    }
  })
  const [height, width, depth] = shape.size
  return { title, size: [height, width, depth], image: images.slice(first, first + voxels), structures, threshold }
}

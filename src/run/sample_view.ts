import { type Split, spacingOn } from '../data/dataset/split.ts'
import type { Preparation } from '../data/scan/preparation.ts'
import type { SadaanShape } from '../nn/specification.ts'
import type { SampleView } from '../report/sample/view.ts'
import { sizeOf } from '../util/shape.ts'
import { type BatchResult, gatedOverlap, pairsOf } from './batch_result.ts'

/** What the picture of a sample depends on besides the batch. */
export interface ViewSettings {
  shape: SadaanShape
  structureNames: readonly string[]
  split: Split
  /** of the dataset's scans; undefined if it was not imported */
  preparation: Preparation | undefined
  /** presence_threshold */
  threshold: number
}

/** A batch and the model's predictions for it. */
export interface PredictedBatch extends Pick<BatchResult, 'pairs' | 'presence' | 'presenceProbability'> {
  /** (N) index of each sample in the split */
  samples: ArrayLike<number>
  images: Float32Array // (N, C, H, W, D)
  maskBits: Uint32Array // (N, S, V/32)
  predicted: Uint32Array // (N, S, V/32), without the presence gate
}

/** A sample of a batch to picture. */
export interface ViewedSample {
  /** index within the batch */
  index: number
  title: string
  attention?: Float32Array // (S, H, W, D)
}

/** Copies a sample out of a batch, with its first channel as the image. Structures predicted absent get an empty mask, as at inference. */
export function sampleView(
  { shape, structureNames, split, preparation, threshold }: ViewSettings,
  batch: PredictedBatch,
  { index: i, title, attention }: ViewedSample,
): SampleView {
  const { images, maskBits, presence, presenceProbability, predicted } = batch
  const voxels = sizeOf(shape.size)
  const words = voxels / 32
  const first = i * shape.inChannels * voxels
  const own = [...pairsOf(batch, shape.structures)].filter(({ sample, present }) => sample === i && present)
  const dice = new Map(own.map(pair => [pair.structure, gatedOverlap(pair, 'hardDice', pair.probability > threshold)]))
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
      dice: dice.get(s) ?? null,
      ...(attention && { attention: attention.slice(s * voxels, (s + 1) * voxels) }),
    }
  })
  const [height, width, depth] = shape.size
  return {
    title,
    size: [height, width, depth],
    spacing: spacingOn(split, batch.samples[i]!, [height, width, depth]),
    orientation: preparation?.orientation,
    image: images.slice(first, first + voxels),
    structures,
    threshold,
  }
}

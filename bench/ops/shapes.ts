import { countParameters, specify } from '../../src/nn/specification.ts'
import { adamOperation } from '../operations/adam.ts'
import { alignmentOperation, attentionMapsOperation } from '../operations/attention.ts'
import { batchNormOperation } from '../operations/batch_norm.ts'
import { convTranspose3dOperation } from '../operations/conv_transpose3d.ts'
import { type Conv3dRow, conv3dOperation } from '../operations/conv3d.ts'
import { maxPool3dOperation } from '../operations/max_pool3d.ts'
import { sadaanLossOperation } from '../operations/sadaan_loss.ts'
import type { Operation } from './operation.ts'

/** The timed part of an operation. */
export type Pass = 'forward' | 'backward data' | 'backward weight' | 'forward + backward'

/** An operation at a size that matters in training. */
export interface StepShape {
  /** its layer in SADAAN */
  layer: string
  operation: Operation
  row: object
  passes: readonly Pass[]
}

function shape<Row extends object>(
  layer: string,
  operation: Operation<Row>,
  row: Row,
  passes: readonly Pass[],
): StepShape {
  return { layer, operation: operation as unknown as Operation, row, passes }
}

/** The measured step: the paper's widths, on a volume that a CPU can still train. */
const STRUCTURES = 13
const SAMPLES = 2
const SIZE = [64, 64, 32] as const
const CHANNELS = [16, 32, 64, 128, 256] as const

/** The volume after `level` poolings. */
function volumeAt(level: number): [number, number, number] {
  const [height, width, depth] = SIZE
  return [height >> level, width >> level, depth >> level]
}

function conv(
  layer: string,
  level: number,
  channels: Conv3dRow['channels'],
  outputs: number,
  size: Conv3dRow['size'] = 3,
): StepShape {
  const passes: Pass[] = ['forward', 'backward data', 'backward weight']
  const row = { samples: SAMPLES, channels, outputs, size, volume: volumeAt(level) }
  return shape(layer, conv3dOperation, row, passes)
}

function encoderShapes(): StepShape[] {
  return CHANNELS.flatMap((width, level) => [
    conv(`enc${level + 1}.0`, level, [CHANNELS[level - 1] ?? 1], width),
    conv(`enc${level + 1}.3`, level, [width], width),
  ])
}

/** The second convolution of a decoder block has the size of the encoder block's at the same level. */
function decoderShapes(): StepShape[] {
  return [4, 3, 2, 1].flatMap(level => {
    const [low, high] = [CHANNELS[level]!, CHANNELS[level - 1]!]
    const row = { samples: SAMPLES, inputs: low, outputs: high, volume: volumeAt(level) }
    return [
      shape(`up${level}`, convTranspose3dOperation, row, ['forward', 'forward + backward']),
      conv(`dec${level}.0`, level - 1, [high, high], high),
    ]
  })
}

function headShapes(): StepShape[] {
  const features = 8 * CHANNELS[0]
  return [
    conv('attention_conv.0, feature_refine.0', 0, [CHANNELS[0], 1], features / 2),
    conv('feature_matcher.0', 0, [CHANNELS[0], 1], features),
    conv('feature_refine.3', 0, [features / 2], features / 2),
    conv('attention_conv.3', 0, [features / 2], STRUCTURES, 1),
    conv('feature_matcher.3', 0, [features], STRUCTURES, 1),
  ]
}

function memoryShapes(): StepShape[] {
  const both = ['forward', 'forward + backward'] as const
  const maps = { samples: SAMPLES, structures: STRUCTURES, size: SIZE }
  const features = 8 * CHANNELS[0]
  const norm = (layer: string, level: number, width: number): StepShape => {
    const row = { shape: [SAMPLES, width, ...volumeAt(level)], training: true, relu: true }
    return shape(layer, batchNormOperation, row, both)
  }
  const pool = { shape: [SAMPLES, CHANNELS[0], ...SIZE] }
  const model = { structures: STRUCTURES, size: SIZE, inChannels: 1, channels: CHANNELS }
  const elements = countParameters(specify(model))
  return [
    norm('enc1.1', 0, CHANNELS[0]),
    norm('enc2.1', 1, CHANNELS[1]),
    norm('attention_conv.1', 0, features / 2),
    shape('pool1', maxPool3dOperation, pool, both),
    shape('attention', attentionMapsOperation, { ...maps, spread: 2 }, both),
    shape('alignment', alignmentOperation, { ...maps, spread: 2 }, both),
    shape('loss', sadaanLossOperation, { ...maps, presence: [1, 0, 1] }, both),
    shape('update', adamOperation, { type: 'adamw', size: elements, elements, step: 7 }, ['forward']),
  ]
}

/** The training step's kernels at S = 13, 64×64×32, batch 2, which `bench ops` times. */
export const STEP_SHAPES: readonly StepShape[] = [
  ...encoderShapes(),
  ...decoderShapes(),
  ...headShapes(),
  ...memoryShapes(),
]

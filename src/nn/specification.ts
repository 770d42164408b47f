import { ContractError } from '../util/error.ts'
import { AXIS_DIVISOR, type Shape, sizeOf } from '../util/shape.ts'

/** The dimensions that determine a SADAAN's parameters. */
export interface SadaanShape {
  structures: number
  /** (H, W, D) in voxels; every axis is a multiple of 16 */
  size: readonly [number, number, number]
  inChannels: number
  /** widths of the five levels */
  channels: readonly [number, number, number, number, number]
  /** channels of F, from which every width of the head follows; even. The original's are 8 · channels[0], the default */
  features?: number | undefined
}

/** Distribution of a parameter's initial values. */
export type Initial = { uniform: number } | { normal: number } | { constant: number }

/**
 * One entry of the state dict. trained: a parameter with a gradient. frozen: a parameter without one (the confidence head). The
 * other roles are a batch norm's buffers.
 */
export interface Entry {
  /** as in the original's state_dict */
  name: string
  shape: Shape
  role: 'trained' | 'frozen' | 'running_mean' | 'running_var' | 'num_batches_tracked'
  initial: Initial
}

/** ε of batch norm, added to the variance; lib/batch_norm has it too. */
export const BATCH_NORM_EPSILON = 1e-5

/** Widths of the hidden layers of a presence MLP. */
export const PRESENCE_HIDDEN = [64, 32] as const

/** Channels of the head's input: F in SADAAN's terms. */
export function featuresOf({ channels, features }: Pick<SadaanShape, 'channels' | 'features'>): number {
  return features ?? 8 * channels[0]
}

/** The widths of a model, for messages. */
export function widthsText(shape: Pick<SadaanShape, 'channels' | 'features'>): string {
  return `channels ${shape.channels.join(', ')}, ${featuresOf(shape)} features`
}

interface LayerShape {
  weight: Shape
  /** length of the bias */
  outputs: number
  fanIn: number
  role?: 'trained' | 'frozen' | undefined
}

/** A layer with PyTorch's default initialisation: weight and bias uniform in ±1/√fanIn. Trained by default. */
function weightAndBias(name: string, { weight, outputs, fanIn, role = 'trained' }: LayerShape): Entry[] {
  const initial = { uniform: 1 / Math.sqrt(fanIn) }
  return [
    { name: `${name}.weight`, shape: weight, role, initial },
    { name: `${name}.bias`, shape: [outputs], role, initial },
  ]
}

function conv(name: string, input: number, output: number, kernel: 1 | 3): Entry[] {
  const weight = [output, input, kernel, kernel, kernel]
  return weightAndBias(name, { weight, outputs: output, fanIn: input * kernel ** 3 })
}

/** PyTorch computes the fan-in of a transposed convolution from its output channels. */
function convTranspose(name: string, input: number, output: number): Entry[] {
  return weightAndBias(name, { weight: [input, output, 2, 2, 2], outputs: output, fanIn: output * 8 })
}

function linear(name: string, input: number, output: number, role?: 'trained' | 'frozen'): Entry[] {
  return weightAndBias(name, { weight: [output, input], outputs: output, fanIn: input, role })
}

function batchNorm(name: string, channels: number): Entry[] {
  const shape = [channels]
  return [
    { name: `${name}.weight`, shape, role: 'trained', initial: { constant: 1 } },
    { name: `${name}.bias`, shape, role: 'trained', initial: { constant: 0 } },
    { name: `${name}.running_mean`, shape, role: 'running_mean', initial: { constant: 0 } },
    { name: `${name}.running_var`, shape, role: 'running_var', initial: { constant: 1 } },
    { name: `${name}.num_batches_tracked`, shape: [], role: 'num_batches_tracked', initial: { constant: 0 } },
  ]
}

/** Conv 3³ – BN – ReLU twice, as `<name>.{0,1,3,4}`. */
function block(name: string, input: number, output: number): Entry[] {
  return [
    ...conv(`${name}.0`, input, output, 3),
    ...batchNorm(`${name}.1`, output),
    ...conv(`${name}.3`, output, output, 3),
    ...batchNorm(`${name}.4`, output),
  ]
}

function encoder({ inChannels, channels }: SadaanShape, features: number): Entry[] {
  const down = channels.flatMap((width, i) => block(`encoder.enc${i + 1}`, channels[i - 1] ?? inChannels, width))
  const up = [4, 3, 2, 1].flatMap(level => {
    const [high, low] = [channels[level - 1]!, channels[level]!]
    return [...convTranspose(`encoder.up${level}`, low, high), ...block(`encoder.dec${level}`, 2 * high, high)]
  })
  return [...down, ...up, ...conv('encoder.final_conv', channels[0], features, 1)]
}

function attention({ structures, size }: SadaanShape, features: number): Entry[] {
  const branch = (name: string, width: number): Entry[] => [
    ...conv(`${name}.0`, features, width, 3),
    ...batchNorm(`${name}.1`, width),
    ...conv(`${name}.3`, width, structures, 1),
  ]
  return [
    {
      name: 'attention_module.position_embeddings',
      shape: [structures, ...size],
      role: 'trained',
      initial: { normal: 0.1 },
    },
    ...branch('attention_module.attention_conv', features / 2),
    ...branch('attention_module.feature_matcher', features),
  ]
}

function absence({ structures }: SadaanShape, features: number): Entry[] {
  const [wide, narrow] = PRESENCE_HIDDEN
  const classifiers = Array.from({ length: structures }, (_, s) => {
    const name = `absence_detector.absence_classifiers.${s}`
    return [
      ...linear(`${name}.0`, features + 1, wide),
      ...linear(`${name}.3`, wide, narrow),
      ...linear(`${name}.5`, narrow, 2),
    ]
  })
  const confidence = 'absence_detector.confidence_head'
  return [
    ...classifiers.flat(),
    ...linear(`${confidence}.0`, features, 64, 'frozen'),
    ...linear(`${confidence}.2`, 64, structures, 'frozen'),
  ]
}

const MASKS = 'segmentation_head.segmentation_layer'

/** The bias of the masks' logits, (structures). */
export const MASK_BIAS = `${MASKS}.bias`

function segmentation({ structures }: SadaanShape, features: number): Entry[] {
  return [
    ...block('segmentation_head.feature_refine', features, features / 2),
    ...conv(MASKS, features / 2, structures, 1),
  ]
}

/**
 * The state dict of a SADAAN, entry by entry in the original's order. Throws ContractError when an axis does not divide by 16 or the
 * features are odd.
 */
export function specify(shape: SadaanShape): Entry[] {
  if (shape.size.some(axis => axis < AXIS_DIVISOR || axis % AXIS_DIVISOR !== 0))
    throw new ContractError('SADAAN', 'size', shape.size, 'axes divisible by 16')
  const features = featuresOf(shape)
  if (features < 2 || features % 2 !== 0) throw new ContractError('SADAAN', 'features', features, 'an even number')
  return [
    ...encoder(shape, features),
    ...attention(shape, features),
    ...absence(shape, features),
    ...segmentation(shape, features),
  ]
}

export function isParameter({ role }: Entry): boolean {
  return role === 'trained' || role === 'frozen'
}

/** Number of parameters, the frozen ones included. */
export function countParameters(entries: readonly Entry[]): number {
  return entries.filter(isParameter).reduce((sum, { shape }) => sum + sizeOf(shape), 0)
}

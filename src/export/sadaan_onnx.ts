import { BATCH_NORM_EPSILON, type SadaanShape } from '../nn/specification.ts'
import { type Attribute, type Graph, GraphBuilder, type Value } from './onnx_graph.ts'

/** The parameters and buffers of a SADAAN by their names in its state dict. */
export type FloatWeights = ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>

const EPSILON = { float: BATCH_NORM_EPSILON }
const SPACE = [2, 3, 4] // axes of (N, C, H, W, D)
const POOL: Record<string, Attribute> = { kernel_shape: [2, 2, 2], strides: [2, 2, 2] }

type Axes = (shape: SadaanShape) => Value['shape']
const maps: Axes = ({ structures, size }) => ['N', structures, ...size]
const scores: Axes = ({ structures }) => ['N', structures]

/** All outputs of the graph: SADAAN's by their names, then presence and masks, which follow from the two thresholds. */
const OUTPUTS: Readonly<Record<string, { type: 'float' | 'bool'; axes: Axes }>> = {
  attention_maps: { type: 'float', axes: maps },
  feature_responses: { type: 'float', axes: maps },
  alignment_scores: { type: 'float', axes: scores },
  position_priors: { type: 'float', axes: ({ structures, size }) => [structures, ...size] },
  absence_logits: { type: 'float', axes: ({ structures }) => ['N', structures, 2] },
  presence_probs: { type: 'float', axes: scores },
  confidence_scores: { type: 'float', axes: scores },
  segmentation_logits: { type: 'float', axes: maps },
  segmentation_probs: { type: 'float', axes: maps },
  presence: { type: 'bool', axes: scores },
  masks: { type: 'bool', axes: maps },
}

export const OUTPUT_NAMES = Object.keys(OUTPUTS)

/**
 * SADAAN at inference as an ONNX graph with input `image` (N, C, H, W, D), raw intensity 0..255. Initializers keep the names and bits of the
 * state dict. The graph includes the model's two exact shortcuts; the merged head consists of operations on initializers, which a runtime
 * executes once, when it loads the file. Leaves out whatever `outputs` (names from OUTPUT_NAMES) do not need.
 */
export function sadaanGraph(
  shape: SadaanShape,
  weights: FloatWeights,
  presenceThreshold: number,
  outputs: readonly string[],
): Graph {
  const builder = new GraphBuilder()
  for (const [name, { shape: axes, data }] of weights) builder.floats(name, axes, data)
  new SadaanNodes(builder, shape, presenceThreshold).forward('image')
  const image: Value = { name: 'image', type: 'float', shape: ['N', shape.inChannels, ...shape.size] }
  return builder.graph(
    'SADAAN',
    [image],
    outputs.map(name => ({ name, type: OUTPUTS[name]!.type, shape: OUTPUTS[name]!.axes(shape) })),
  )
}

/** The nodes, layer by layer, named as in the state dict. The node of an output has the output's name. */
class SadaanNodes {
  private readonly to: GraphBuilder
  private readonly shape: SadaanShape
  private readonly space: string

  constructor(to: GraphBuilder, shape: SadaanShape, presenceThreshold: number) {
    this.to = to
    this.shape = shape
    this.space = to.integers('axes.space', SPACE)
    to.floats('presence_threshold', [], Float32Array.of(floatBelow(presenceThreshold)))
    to.floats('mask_threshold', [], Float32Array.of(0.5))
  }

  forward(image: string): void {
    const d1 = this.trunk(image) // (N, channels[0], H, W, D)
    const pooled = this.pooledFeatures(d1) // (N, features)
    const withOnes = this.withOnes(d1) // (N, channels[0] + 1, H, W, D)
    const merger = this.merger() // (channels[0] + 1, features, 1, 1, 1)
    const attention = this.attention(withOnes, merger)
    this.presence(pooled, attention.scores)
    this.confidence(pooled)
    this.segmentation(withOnes, merger, attention.maps)
  }

  /** Encoder and decoder up to d1, the input of final_conv. */
  private trunk(image: string): string {
    const skips: string[] = []
    let h = image
    for (const level of [1, 2, 3, 4]) {
      const skip = this.block(`encoder.enc${level}`, h)
      skips.push(skip)
      h = this.to.node('MaxPool', `encoder.pool${level}`, [skip], POOL)
    }
    h = this.block('encoder.enc5', h)
    for (const level of [4, 3, 2, 1]) {
      const name = `encoder.up${level}`
      const up = this.to.node('ConvTranspose', name, [h, `${name}.weight`, `${name}.bias`], POOL)
      const joined = this.to.node('Concat', `encoder.concat${level}`, [up, skips[level - 1]!], { axis: 1 })
      h = this.block(`encoder.dec${level}`, joined)
    }
    return h
  }

  /** The mean of F over voxels. final_conv is linear, so this is final_conv of the mean of d1. */
  private pooledFeatures(d1: string): string {
    const mean = this.to.node('ReduceMean', 'encoder.mean', [d1], { axes: SPACE, keepdims: 1 })
    return this.to.node('Flatten', 'encoder.pooled', [this.conv('encoder.final_conv', mean, 1)], { axis: 1 })
  }

  /** d1 with an additional channel of ones, which carries final_conv's bias past the zero padding. */
  private withOnes(d1: string): string {
    const pads = this.to.integers('encoder.ones.pads', [0, 0, 0, 0, 0, 0, 1, 0, 0, 0])
    const one = this.to.floats('encoder.ones.value', [], Float32Array.of(1))
    return this.to.node('Pad', 'encoder.ones', [d1, pads, one])
  }

  /** final_conv as the 1³ convolution that maps a weight over F to one over (d1, ones). */
  private merger(): string {
    const name = 'encoder.final_conv'
    const turned = this.to.node('Transpose', `${name}.turned`, [`${name}.weight`], { perm: [1, 0, 2, 3, 4] })
    const axes = this.to.integers(`${name}.axes`, [0, 2, 3, 4])
    const bias = this.to.node('Unsqueeze', `${name}.bias_row`, [`${name}.bias`, axes])
    return this.to.node('Concat', `${name}.merger`, [turned, bias], { axis: 0 })
  }

  private attention(d1: string, merger: string): { maps: string; scores: string } {
    const [name, { to }] = ['attention_module', this]
    const branch = (part: string): string =>
      this.norm(`${name}.${part}.1`, this.headConv(`${name}.${part}.0`, d1, merger))
    const attended = this.sigmoid(
      `${name}.attended`,
      this.conv(`${name}.attention_conv.3`, branch('attention_conv'), 1),
    )
    const priors = to.node('Identity', 'position_priors', [`${name}.position_embeddings`])
    const maps = to.node('Mul', 'attention_maps', [attended, this.sigmoid(`${name}.prior`, priors)])
    const matched = this.conv(`${name}.feature_matcher.3`, branch('feature_matcher'), 1, 'feature_responses')
    const aligned = to.node('Mul', `${name}.aligned`, [maps, this.sigmoid(`${name}.matched`, matched)])
    return { maps, scores: to.node('ReduceMean', 'alignment_scores', [aligned], { axes: SPACE, keepdims: 0 }) }
  }

  private presence(pooled: string, scores: string): void {
    const [name, { to }] = ['absence_detector.absence_classifiers', this]
    const { structures } = this.shape
    const logits = to.split(`${name}.scores`, scores, structures, 1).map((score, s) => {
      const known = to.node('Concat', `${name}.${s}.input`, [pooled, score], { axis: 1 }) // (N, features + 1)
      const wide = this.relu(`${name}.${s}.1`, this.linear(`${name}.${s}.0`, known))
      const narrow = this.relu(`${name}.${s}.4`, this.linear(`${name}.${s}.3`, wide))
      return this.linear(`${name}.${s}.5`, narrow) // (N, 2)
    })
    const flat = to.node('Concat', `${name}.logits`, logits, { axis: 1 }) // (N, 2 · S)
    const shape = to.integers(`${name}.shape`, [0, structures, 2])
    const pairs = to.node('Reshape', 'absence_logits', [flat, shape])
    const softmax = to.node('Softmax', 'absence_detector.softmax', [pairs], { axis: 2 })
    const second = to.integers('absence_detector.present', [1])
    const column = to.node('Gather', 'absence_detector.column', [softmax, second], { axis: 2 }) // (N, S, 1)
    const axis = to.integers('absence_detector.axis', [2])
    const probabilities = to.node('Squeeze', 'presence_probs', [column, axis])
    to.node('Greater', 'presence', [probabilities, 'presence_threshold'])
  }

  private confidence(pooled: string): void {
    const name = 'absence_detector.confidence_head'
    const hidden = this.relu(`${name}.1`, this.linear(`${name}.0`, pooled))
    this.sigmoid('confidence_scores', this.linear(`${name}.2`, hidden))
  }

  /** logit_s = A_s ⊙ (w_s · r) + b_s; mask_s = [p_s > 0.5]·[q_s > presence_threshold] */
  private segmentation(d1: string, merger: string, maps: string): void {
    const [name, { to }] = ['segmentation_head', this]
    const first = this.norm(`${name}.feature_refine.1`, this.headConv(`${name}.feature_refine.0`, d1, merger))
    const refined = this.norm(`${name}.feature_refine.4`, this.conv(`${name}.feature_refine.3`, first, 3))
    const layer = `${name}.segmentation_layer`
    const projected = to.node('Conv', layer, [refined, `${layer}.weight`], { kernel_shape: [1, 1, 1] })
    const gated = to.node('Mul', `${name}.gated`, [maps, projected])
    const axes = to.integers(`${layer}.axes`, [1, 2, 3])
    const bias = to.node('Unsqueeze', `${layer}.bias_map`, [`${layer}.bias`, axes]) // (S, 1, 1, 1)
    const logits = to.node('Add', 'segmentation_logits', [gated, bias])
    const probabilities = this.sigmoid('segmentation_probs', logits)
    const inside = to.node('Greater', `${name}.inside`, [probabilities, 'mask_threshold'])
    const gate = to.node('Unsqueeze', `${name}.gate`, ['presence', this.space])
    to.node('And', 'masks', [inside, gate])
  }

  /** A 3³ convolution over F, computed over (d1, ones) with its weight merged with final_conv's. */
  private headConv(name: string, d1: string, merger: string): string {
    const merged = this.to.node('Conv', `${name}.merged`, [`${name}.weight`, merger], { kernel_shape: [1, 1, 1] })
    return this.to.node('Conv', name, [d1, merged, `${name}.bias`], convolution(3))
  }

  /** Conv 3³ – BN – ReLU, twice. */
  private block(name: string, x: string): string {
    const h = this.norm(`${name}.1`, this.conv(`${name}.0`, x, 3))
    return this.norm(`${name}.4`, this.conv(`${name}.3`, h, 3))
  }

  private conv(layer: string, x: string, kernel: 1 | 3, name = layer): string {
    return this.to.node('Conv', name, [x, `${layer}.weight`, `${layer}.bias`], convolution(kernel))
  }

  /** Batch norm with running statistics, then ReLU. */
  private norm(name: string, x: string): string {
    const state = ['weight', 'bias', 'running_mean', 'running_var'].map(part => `${name}.${part}`)
    const normalised = this.to.node('BatchNormalization', name, [x, ...state], { epsilon: EPSILON })
    return this.relu(`${name}.relu`, normalised)
  }

  private linear(name: string, x: string): string {
    return this.to.node('Gemm', name, [x, `${name}.weight`, `${name}.bias`], { transB: 1 })
  }

  private relu(name: string, x: string): string {
    return this.to.node('Relu', name, [x])
  }

  private sigmoid(name: string, x: string): string {
    return this.to.node('Sigmoid', name, [x])
  }
}

function convolution(kernel: 1 | 3): Record<string, Attribute> {
  return { kernel_shape: [kernel, kernel, kernel], pads: Array(6).fill((kernel - 1) / 2) }
}

/** The largest float32 not above the threshold. A float32 exceeds it exactly if it exceeds the threshold. */
function floatBelow(threshold: number): number {
  const rounded = Float32Array.of(threshold)
  const bits = new Uint32Array(rounded.buffer)
  if (rounded[0]! > threshold) bits[0]! -= 1
  return rounded[0]!
}

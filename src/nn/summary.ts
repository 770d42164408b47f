import { type Shape, sizeOf } from '../util/shape.ts'
import { countParameters, type Entry, featuresOf, PRESENCE_HIDDEN, type SadaanShape, specify } from './specification.ts'

/** A layer: an operation with weights, together with its norm and activation, or a pooling. */
export interface LayerSummary {
  /** as in the state dict */
  name: string
  operation: string
  /** per sample */
  output: Shape
  parameters: number
  /** multiply-adds of the forward pass per sample, as implemented here */
  macs: number
  /** the same in the original, which computes F and copies r for every structure */
  originalMacs: number
}

export type Part = 'encoder' | 'attention' | 'absence' | 'segmentation'

export interface ModelSummary {
  layers: LayerSummary[]
  parameters: number
  parametersOf: Record<Part, number>
  macs: number
  originalMacs: number
  /** multiply-adds of merging the head's weights, per step, for any batch size */
  mergeMacs: number
}

const PART_OF: Record<string, Part> = {
  encoder: 'encoder',
  attention_module: 'attention',
  absence_detector: 'absence',
  segmentation_head: 'segmentation',
}

/** Layers, parameters and multiply-adds of a SADAAN. Throws ContractError if an axis is not a multiple of 16. */
export function summarise(shape: SadaanShape): ModelSummary {
  const entries = specify(shape)
  const layers = new Layers(shape, entries).all()
  const total = (figure: (layer: LayerSummary) => number): number =>
    layers.reduce((sum, layer) => sum + figure(layer), 0)
  const parametersOf = Object.fromEntries(
    Object.entries(PART_OF).map(([prefix, part]) => [part, countParameters(below(entries, prefix))]),
  ) as Record<Part, number>
  const features = featuresOf(shape)
  return {
    layers,
    parameters: countParameters(entries),
    parametersOf,
    macs: total(({ macs }) => macs),
    originalMacs: total(({ originalMacs }) => originalMacs),
    // three convolutions with 2 · features outputs in all, each weight a sum over the features
    mergeMacs: 2 * features * 27 * features * (shape.channels[0] + 1),
  }
}

function below(entries: readonly Entry[], prefix: string): Entry[] {
  return entries.filter(({ name }) => name.startsWith(`${prefix}.`))
}

/** Lists the layers in the order of the forward pass. */
class Layers {
  private readonly shape: SadaanShape
  private readonly entries: readonly Entry[]
  private readonly features: number

  constructor(shape: SadaanShape, entries: readonly Entry[]) {
    this.shape = shape
    this.entries = entries
    this.features = featuresOf(shape)
  }

  all(): LayerSummary[] {
    return [
      ...this.down(),
      ...this.up(),
      this.finalConv(),
      ...this.attention(),
      ...this.absence(),
      ...this.segmentation(),
    ]
  }

  /** (H, W, D) of a level, 1 the finest. */
  private size(level: number): Shape {
    return this.shape.size.map(axis => axis / 2 ** (level - 1))
  }

  private layer(
    name: string,
    operation: string,
    output: Shape,
    macs: number,
    more: { originalMacs?: number; entries?: readonly string[] } = {},
  ): LayerSummary {
    const { originalMacs = macs, entries = [name] } = more
    const parameters = countParameters(entries.flatMap(prefix => below(this.entries, prefix)))
    return { name, operation, output, parameters, macs, originalMacs }
  }

  /** Conv 3³, batch norm, ReLU: layers `index` and `index` + 1 of `block`. `merged` is the merged convolution's input channels. */
  private conv3(
    block: string,
    index: number,
    [input, output, level]: [number, number, number],
    merged = input,
  ): LayerSummary {
    const size = this.size(level)
    const perInput = 27 * output * sizeOf(size)
    return this.layer(`${block}.${index}`, 'conv 3³, batch norm, ReLU', [output, ...size], perInput * merged, {
      originalMacs: perInput * input,
      entries: [`${block}.${index}`, `${block}.${index + 1}`],
    })
  }

  private conv1(name: string, operation: string, input: number, output: number): LayerSummary {
    const { size } = this.shape
    return this.layer(name, operation, [output, ...size], input * output * sizeOf(size))
  }

  private down(): LayerSummary[] {
    const { channels, inChannels } = this.shape
    return channels.flatMap((width, i) => {
      const level = i + 1
      const block = `encoder.enc${level}`
      const convs = [
        this.conv3(block, 0, [channels[i - 1] ?? inChannels, width, level]),
        this.conv3(block, 3, [width, width, level]),
      ]
      const pooled = this.layer(`encoder.pool${level}`, 'max pool 2³', [width, ...this.size(level + 1)], 0)
      return level < channels.length ? [...convs, pooled] : convs
    })
  }

  private up(): LayerSummary[] {
    const { channels } = this.shape
    return [4, 3, 2, 1].flatMap(level => {
      const [high, low] = [channels[level - 1]!, channels[level]!]
      const size = this.size(level)
      return [
        // Each output voxel uses one tap of the kernel.
        this.layer(`encoder.up${level}`, 'transposed conv 2³', [high, ...size], low * high * sizeOf(size)),
        this.conv3(`encoder.dec${level}`, 0, [2 * high, high, level]),
        this.conv3(`encoder.dec${level}`, 3, [high, high, level]),
      ]
    })
  }

  /** Only the mean over the volume is computed here; the convolutions over F have merged weights. */
  private finalConv(): LayerSummary {
    const matrix = this.shape.channels[0] * this.features
    return this.layer('encoder.final_conv', 'conv 1³; here its mean only', [this.features], matrix, {
      originalMacs: matrix * sizeOf(this.shape.size),
    })
  }

  /** A convolution over F, computed over d1 and a channel of ones. */
  private headConv(block: string, output: number): LayerSummary {
    return this.conv3(block, 0, [this.features, output, 1], this.shape.channels[0] + 1)
  }

  private attention(): LayerSummary[] {
    const { structures, size } = this.shape
    const name = 'attention_module'
    const priors = `${name}.position_embeddings`
    const maps = this.layer(priors, 'sigmoid, product', [structures, ...size], 0)
    const embeddings = this.entries.find(entry => entry.name === priors)!
    return [
      this.headConv(`${name}.attention_conv`, this.features / 2),
      this.conv1(`${name}.attention_conv.3`, 'conv 1³, sigmoid', this.features / 2, structures),
      { ...maps, parameters: sizeOf(embeddings.shape) },
      this.headConv(`${name}.feature_matcher`, this.features),
      this.conv1(`${name}.feature_matcher.3`, 'conv 1³', this.features, structures),
    ]
  }

  private absence(): LayerSummary[] {
    const { structures } = this.shape
    const [wide, narrow] = PRESENCE_HIDDEN
    const one = (this.features + 1) * wide + wide * narrow + narrow * 2
    const confidence = this.features * 64 + 64 * structures
    const name = 'absence_detector'
    return [
      this.layer(`${name}.absence_classifiers`, `${structures} × MLP, softmax`, [structures, 2], structures * one),
      this.layer(`${name}.confidence_head`, 'MLP, sigmoid', [structures], confidence),
    ]
  }

  private segmentation(): LayerSummary[] {
    const half = this.features / 2
    const refine = 'segmentation_head.feature_refine'
    return [
      this.headConv(refine, half),
      this.conv3(refine, 3, [half, half, 1]),
      this.conv1('segmentation_head.segmentation_layer', 'conv 1³, gate, sigmoid', half, this.shape.structures),
    ]
  }
}

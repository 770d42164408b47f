import type { ModelFile } from '../checkpoint/model_file.ts'
import type { Config } from '../config/schema.ts'
import { type Preparation, parsePreparation } from '../data/scan/preparation.ts'
import { parseScanRanges, type ScanRanges } from '../data/scan/scan_ranges.ts'
import { type ModelCard, parseCard } from '../models/card.ts'
import type { SadaanShape } from '../nn/specification.ts'
import { InputError } from '../util/error.ts'
import { AXIS_DIVISOR, type Shape } from '../util/shape.ts'
import type { Weights } from './model_weights.ts'

/** A SADAAN read from a file. Its shape follows from its tensors. */
export interface TrainedModel {
  path: string
  shape: SadaanShape
  weights: Weights
  /** undefined if the file has none */
  structureNames: readonly string[] | undefined
  /** undefined if the file does not name them */
  channelNames: readonly string[] | undefined
  /** used in training; undefined if the file does not say */
  presenceThreshold: number | undefined
  /** how scans are prepared for the model; undefined if the file does not say */
  preparation: Preparation | undefined
  /** what the training scans looked like before they were prepared; undefined if the file does not say */
  trainingScans: ScanRanges | undefined
  /** whether it was trained on patches of larger scans */
  patches: boolean
  /** axes flipped in training; undefined if the file does not say */
  flipAxes: readonly number[] | undefined
  /** of a shipped model; undefined for others */
  card: ModelCard | undefined
}

/** The SADAAN in a file that has been read. Throws InputError if it holds none. */
export function trainedModelOf(file: ModelFile, path: string): TrainedModel {
  const { tensors: weights, preparation, trainingScans, card, ...facts } = file
  const { structureNames, channelNames } = facts
  const shape = shapeFrom(weights, path)
  if (structureNames && structureNames.length !== shape.structures)
    throw new InputError(
      `${path}: structure_names has ${structureNames.length} names, expected ${shape.structures} as position_embeddings has`,
    )
  if (channelNames && channelNames.length !== shape.inChannels)
    throw new InputError(
      `${path}: channel_names has ${channelNames.length} names, expected ${shape.inChannels} as encoder.enc1.0.weight has`,
    )
  return {
    ...facts,
    path,
    shape,
    weights,
    preparation: preparation === undefined ? undefined : parsePreparation(preparation, path),
    trainingScans: trainingScans === undefined ? undefined : parseScanRanges(trainingScans, path),
    card: card === undefined ? undefined : parseCard(card, path),
  }
}

/** The shape of the SADAAN with this state dict. Loading checks the other entries. */
function shapeFrom(weights: Weights, source: string): SadaanShape {
  const axesOf = (name: string, rank: number): Shape => {
    const found = weights.get(name)
    if (found?.shape.length === rank) return found.shape
    const actual = found ? `has shape (${found.shape.join(', ')})` : 'is missing'
    throw new InputError(`${source}: ${name} ${actual}, expected ${rank} axes as in a SADAAN`)
  }
  const [structures, ...size] = axesOf('attention_module.position_embeddings', 4)
  if (size.some(axis => axis === 0 || axis % AXIS_DIVISOR !== 0) || !structures)
    throw new InputError(
      `${source}: position_embeddings are ${structures} of ${size.join('×')}, expected axes divisible by 16`,
    )
  const features = axesOf('encoder.final_conv.weight', 5)[0]!
  if (features % 2 !== 0)
    throw new InputError(`${source}: encoder.final_conv.weight has ${features} outputs, expected an even number`)
  const encoder = [1, 2, 3, 4, 5].map(level => axesOf(`encoder.enc${level}.0.weight`, 5))
  return {
    structures,
    size: size as unknown as SadaanShape['size'],
    inChannels: encoder[0]![1]!,
    channels: encoder.map(([width]) => width) as unknown as SadaanShape['channels'],
    features,
  }
}

/** Structure names: the checkpoint's, else `others`, else structure_0 and so on. */
export function structureNamesOf({ structureNames, shape }: TrainedModel, others?: readonly string[]): string[] {
  const fitting = others?.length === shape.structures ? others : undefined
  return [...(structureNames ?? fitting ?? Array.from({ length: shape.structures }, (_, s) => `structure_${s}`))]
}

/** Structures above this presence probability are predicted present. The request takes precedence over the model, the model over the configuration. */
export function presenceThresholdFor(
  model: TrainedModel,
  { presenceThreshold, config }: { presenceThreshold?: number; config: Config },
): number {
  return presenceThreshold ?? model.presenceThreshold ?? config.model.presence_threshold
}

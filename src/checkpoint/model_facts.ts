import { InputError } from '../util/error.ts'
import type { Json } from './fields.ts'

/** What a file states about a model, besides its tensors. */
export interface ModelFacts {
  /** undefined if the file has none */
  structureNames: string[] | undefined
  /** from its dataset's metadata.json; undefined if not recorded */
  channelNames: string[] | undefined
  /** model.presence_threshold of the training */
  presenceThreshold: number | undefined
  /** how scans were brought into the model's frame, from its dataset's metadata.json; undefined if not recorded */
  preparation: Json | undefined
  /** what the training scans looked like before, likewise */
  trainingScans: Json | undefined
  /** whether the samples of its dataset were patches of larger scans */
  patches: boolean
  /** axes along which training flipped samples; undefined if not recorded */
  flipAxes: number[] | undefined
  /** what a shipped model was made of and is for; undefined for other models */
  card: Json | undefined
}

/** For a model whose file holds only tensors. */
export const NO_FACTS: ModelFacts = {
  structureNames: undefined,
  channelNames: undefined,
  presenceThreshold: undefined,
  preparation: undefined,
  trainingScans: undefined,
  patches: false,
  flipAxes: undefined,
  card: undefined,
}

/** The known facts as JSON strings by name, the only metadata that safetensors and ONNX can hold. */
export function textsOf(model: ModelFacts): Record<string, string> {
  const facts = {
    structure_names: model.structureNames,
    channel_names: model.channelNames,
    presence_threshold: model.presenceThreshold,
    preparation: model.preparation,
    training_scans: model.trainingScans,
    patches: model.patches,
    flip_axes: model.flipAxes,
    card: model.card,
  }
  const known = Object.entries(facts).filter(([, value]) => value !== undefined)
  return Object.fromEntries(known.map(([name, value]) => [name, JSON.stringify(value)]))
}

/** The inverse; other names are ignored. Throws InputError with `where`, the name and what was expected. */
export function factsIn(texts: Readonly<Record<string, string>>, where: string): ModelFacts {
  const read = <T extends Json>(
    name: string,
    isFitting: (value: Json) => value is T,
    expected: string,
  ): T | undefined => {
    const text = Object.hasOwn(texts, name) ? texts[name]! : undefined
    if (text === undefined) return undefined
    const value = parsed(text)
    if (value !== undefined && isFitting(value)) return value
    throw new InputError(`${where}: ${name} is ${JSON.stringify(text.slice(0, 80))}, expected ${expected}`)
  }
  return {
    structureNames: read('structure_names', areNames, 'a JSON list of strings'),
    channelNames: read('channel_names', areNames, 'a JSON list of strings'),
    presenceThreshold: read('presence_threshold', isShare, 'a number from 0 to 1'),
    preparation: read('preparation', isObject, 'a JSON object'),
    trainingScans: read('training_scans', isObject, 'a JSON object'),
    patches: read('patches', isFlag, 'true or false') ?? false,
    flipAxes: read('flip_axes', areAxes, 'a JSON list of 0, 1 and 2'),
    card: read('card', isObject, 'a JSON object'),
  }
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

function areNames(value: Json): value is string[] {
  return Array.isArray(value) && value.every(item => typeof item === 'string')
}

function areAxes(value: Json): value is number[] {
  return Array.isArray(value) && value.every(item => item === 0 || item === 1 || item === 2)
}

function isShare(value: Json): value is number {
  return typeof value === 'number' && value >= 0 && value <= 1
}

function isObject(value: Json): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isFlag(value: Json): value is boolean {
  return typeof value === 'boolean'
}

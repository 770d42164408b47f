import { InputError } from '../util/error.ts'
import type { Json } from './fields.ts'

/** What a file says of a model beside its tensors. */
export interface ModelFacts {
  /** undefined where the file names none */
  structureNames: string[] | undefined
  /** model.presence_threshold that the model was trained with */
  presenceThreshold: number | undefined
  /** how scans were brought to the model's frame, as the metadata.json of its dataset says; undefined where nothing does */
  preparation: Json | undefined
  /** that the samples of its dataset were patches of larger scans */
  patches: boolean
  /** axes that training flipped samples along; undefined where the file does not say */
  flipAxes: number[] | undefined
}

/** What is known of a model whose file holds nothing but tensors. */
export const NO_FACTS: ModelFacts = {
  structureNames: undefined,
  presenceThreshold: undefined,
  preparation: undefined,
  patches: false,
  flipAxes: undefined,
}

/** Texts by name, each JSON but for what is unknown, which is left out: all that safetensors and ONNX have room for. */
export function textsOf(model: ModelFacts): Record<string, string> {
  const facts = {
    structure_names: model.structureNames,
    presence_threshold: model.presenceThreshold,
    preparation: model.preparation,
    patches: model.patches,
    flip_axes: model.flipAxes,
  }
  const known = Object.entries(facts).filter(([, value]) => value !== undefined)
  return Object.fromEntries(known.map(([name, value]) => [name, JSON.stringify(value)]))
}

/** The other way; other names are read past. Throws InputError: where, the name and what was expected. */
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
    structureNames: read('structure_names', areNames, 'a JSON list of texts'),
    presenceThreshold: read('presence_threshold', isShare, 'a number from 0 to 1'),
    preparation: read('preparation', isObject, 'a JSON object'),
    patches: read('patches', isFlag, 'true or false') ?? false,
    flipAxes: read('flip_axes', areAxes, 'a JSON list of 0, 1 and 2'),
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

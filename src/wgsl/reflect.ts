import {
  type FunctionInfo,
  ResourceType,
  type StructInfo,
  type VariableInfo,
  WgslReflect,
} from 'wgsl_reflect/wgsl_reflect.module.js'
import { ContractError, messageOf } from '../util/error.ts'

export interface BindingFacts {
  name: string
  binding: number
  access: 'read' | 'read_write' | 'uniform'
  /** element type of a storage binding; `activation` stands for f32 or f16 */
  element: 'activation' | 'f16' | 'other'
}

export interface FieldFacts {
  /** bytes */
  offset: number
  /** bytes */
  size: number
  /** scalar of the field or of its vector's components */
  scalar: 'f32' | 'u32' | 'i32'
}

/** What TypeScript needs to bind and dispatch an entry point. */
export interface EntryFacts {
  bindings: BindingFacts[]
  /** layout of the uniform `params`; undefined if the entry point does not use it */
  params?: { bytes: number; fields: ReadonlyMap<string, FieldFacts> }
  /** invocations per workgroup along each axis */
  workgroupSize: [number, number, number]
}

/** Reflects all entry points of a linked WGSL text, with the override values in `constants`. */
export function reflectShader(
  name: string,
  text: string,
  constants: Record<string, number> = {},
): Map<string, EntryFacts> {
  const module = parse(name, plainMatrices(bakeOverrides(name, text, constants)))
  return new Map(module.entry.compute.map(entry => [entry.name, reflectEntry(name, text, entry, constants)]))
}

function parse(name: string, text: string): WgslReflect {
  try {
    return new WgslReflect(text)
  } catch (error) {
    throw new Error(`${name} (linked): ${messageOf(error)}`)
  }
}

/** wgsl_reflect does not support overrides, so reflection sees them as constants. */
function bakeOverrides(name: string, text: string, constants: Record<string, number>): string {
  const left = new Set(Object.keys(constants))
  const baked = text.replace(
    /^\s*override\s+(\w+)\s*:\s*(\w+)\s*(?:=\s*([^;]+))?;/gm,
    (_, id: string, type: string, value?: string) => {
      left.delete(id)
      const given = constants[id]
      if (given === undefined && value === undefined)
        throw new ContractError(name, `override ${id}`, undefined, 'a value')
      return `const ${id}: ${type} = ${given === undefined ? value : literal(given, type)};`
    },
  )
  for (const id of left)
    throw new ContractError(name, `constant ${id}`, constants[id], 'an override of that name in the shader')
  return baked
}

/** wgsl_reflect does not support subgroup matrices. They are never in bindings, so reflection sees numbers and plain calls. */
function plainMatrices(text: string): string {
  return text.replace(/\bsubgroup_matrix_\w+\s*<[^<>]*>/g, 'f32').replace(/\b(subgroupMatrix\w+)\s*<[^<>]*>/g, '$1')
}

function literal(value: number, type: string): string {
  return type === 'bool' ? String(value !== 0) : `${type}(${value})`
}

function reflectEntry(
  shader: string,
  text: string,
  entry: FunctionInfo,
  constants: Record<string, number>,
): EntryFacts {
  const bindings: BindingFacts[] = []
  let params: EntryFacts['params']
  const sorted = entry.resources.toSorted((a: VariableInfo, b: VariableInfo) => a.binding - b.binding)
  for (const resource of sorted) {
    const uniform = resource.resourceType === ResourceType.Uniform
    const access = uniform ? 'uniform' : (resource.access as 'read' | 'read_write')
    bindings.push({ name: resource.name, binding: resource.binding, access, element: elementOf(text, resource) })
    if (uniform) params = reflectStruct(resource.type as StructInfo)
  }
  const facts = { bindings, workgroupSize: workgroupSize(shader, text, entry.name, constants) }
  return params ? { ...facts, params } : facts
}

/** wgsl_reflect resolves the alias `Activation`, so the declaration must be read from the text. */
function elementOf(text: string, { name, type }: VariableInfo): BindingFacts['element'] {
  if (new RegExp(`\\b${name}\\s*:[^;]*\\bActivation\\b`).test(text)) return 'activation'
  return /\bf16\b|vec[234]h/.test(type.getTypeName()) ? 'f16' : 'other'
}

function reflectStruct(struct: StructInfo): { bytes: number; fields: Map<string, FieldFacts> } {
  return { bytes: Math.ceil(struct.size / 16) * 16, fields: new Map(fieldsOf(struct, 0)) }
}

/** The fields of a struct at `start`, including those of nested structs: libraries declare parts of `params`. */
function fieldsOf(struct: StructInfo, start: number): [string, FieldFacts][] {
  return struct.members.flatMap((member): [string, FieldFacts][] => {
    const offset = start + member.offset
    if (member.type.isStruct) return fieldsOf(member.type as StructInfo, offset)
    const type = member.type.getTypeName()
    const scalar = /f32|f$/.test(type) ? 'f32' : /i32|i$/.test(type) ? 'i32' : 'u32'
    return [[member.name, { offset, size: member.size, scalar }]]
  })
}

/** `@workgroup_size(64)`, `(8, 8)` or names of overrides and constants; wgsl_reflect gives only the raw text. */
function workgroupSize(
  shader: string,
  text: string,
  entry: string,
  constants: Record<string, number>,
): [number, number, number] {
  const head = new RegExp(`((?:@\\w+(?:\\([^)]*\\))?\\s*)+)fn\\s+${entry}\\b`).exec(text)?.[1] ?? ''
  const raw = /@workgroup_size\(([^)]*)\)/.exec(head)?.[1]
  if (raw === undefined) throw new ContractError(shader, `entry point ${entry}`, head, '@workgroup_size')
  const axes = raw
    .split(',')
    .filter(axis => axis.trim())
    .map(axis => constantValue(shader, text, axis.trim(), constants))
  return [axes[0] ?? 1, axes[1] ?? 1, axes[2] ?? 1]
}

function constantValue(shader: string, text: string, word: string, constants: Record<string, number>): number {
  if (/^\d+u?$/.test(word)) return Number.parseInt(word, 10)
  if (constants[word] !== undefined) return constants[word]
  const defined = new RegExp(`(?:override|const)\\s+${word}\\s*(?::\\s*\\w+)?\\s*=\\s*(\\d+)u?\\s*;`).exec(text)?.[1]
  if (defined === undefined)
    throw new ContractError(shader, '@workgroup_size', word, 'an integer or a constant with an integer value')
  return Number.parseInt(defined, 10)
}

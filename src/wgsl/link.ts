import { readShader } from '../host/shader_text.ts'
import { unroll, withWords } from './repeat.ts'

const IMPORT = /^#import[ \t]+(\S.*?)\s*$/gm
/** The word for the storage type of activations. */
const ACTIVATION = 'ACTIVATION'
/** The word for the attribute of entry points whose subgroups have a size that the dispatch demands, as a number, if it does. */
const SUBGROUP = 'SUBGROUP'
/** The library a shader reads its source with, and its replacement if the shader applies a batch norm on load. */
const SOURCE = 'lib/source'
const NORMALISED_SOURCE = 'lib/source_normalised'
/** `enable`, `requires` and `diagnostic` must come before anything else in a module. */
const DIRECTIVE = /^(?:enable|requires|diagnostic)\b.*;\s*$/gm

/** The forms of a shader. */
export interface ShaderForm {
  /** storage type of activations; f32 by default */
  activation?: 'f32' | 'f16'
  /** whether the shader applies a batch norm to its source on load */
  normalised?: boolean
}

/** The text of a file, by its path under shaders/ without `.wgsl`. */
export type ReadShader = (name: string) => string

/**
 * The complete WGSL text of a shader: `#import` lines replaced by the libraries they name (each once), `#repeat` blocks expanded,
 * directives first. `name` is a path under shaders/ without `.wgsl`, then values for words in the text: `conv3d/matrix EDGE=16`.
 */
export function linkShader(name: string, form: ShaderForm = {}, read: ReadShader = readShader): string {
  const parts: string[] = []
  collect(name, { form, read, seen: new Set(), parts })
  const text = parts.join('\n')
  const directives = [...new Set(text.match(DIRECTIVE)?.map(line => line.trim()))]
  return [...directives, text.replace(DIRECTIVE, '')].join('\n')
}

interface Link {
  form: ShaderForm
  read: ReadShader
  seen: Set<string>
  parts: string[]
}

/** `wanted` is the content of an import line: a path, then words. */
function collect(wanted: string, link: Link): void {
  const { form, read, seen, parts } = link
  const name = form.normalised && wanted === SOURCE ? NORMALISED_SOURCE : wanted
  if (seen.has(name)) return
  seen.add(name)
  const [path = '', ...given] = name.split(/\s+/)
  const { activation = 'f32' } = form
  const written = read(path)
  const { [SUBGROUP]: subgroup, ...words } = Object.fromEntries(given.map(word => word.split('='))) as Record<
    string,
    string
  >
  const demand = subgroup === undefined ? '' : `@subgroup_size(${subgroup})`
  const text = unroll(path, withWords(written, { ...words, [ACTIVATION]: activation, [SUBGROUP]: demand }))
  for (const [, imported] of text.matchAll(IMPORT)) collect(imported!, link)
  if (activation === 'f16' && written.includes(`$${ACTIVATION}`)) parts.push('enable f16;')
  if (demand !== '') parts.push('enable subgroup_size_control;')
  parts.push(text.replace(IMPORT, ''))
}

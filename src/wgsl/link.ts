import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../util/package_root.ts'

const SHADERS = join(PACKAGE_ROOT, 'shaders')
const IMPORT = /^#import\s+(\S+)\s*$/gm
/** Where the number type of activations is named. */
const ACTIVATION = 'lib/activation'
/** What a shader reads its source with, and what takes its place where the source lies in front of a batch norm. */
const SOURCE = 'lib/source'
const NORMALISED_SOURCE = 'lib/source_normalised'
/** `enable`, `requires` and `diagnostic` must come before anything else in a module. */
const DIRECTIVE = /^(?:enable|requires|diagnostic)\b.*;\s*$/gm

/** The forms one shader comes in. */
export interface ShaderForm {
  /** what activations are stored as; f32 unless given */
  activation?: 'f32' | 'f16'
  /** whether the source lies in front of a batch norm, which the shader then applies as it loads */
  normalised?: boolean
}

/**
 * The complete WGSL text of a shader: `#import lib/name` lines replaced by the library's text, each library once, directives first.
 * `name` is a path under shaders/ without `.wgsl`.
 */
export function linkShader(name: string, form: ShaderForm = {}): string {
  const parts: string[] = []
  collect(name, form, new Set(), parts)
  const text = parts.join('\n')
  const directives = [...new Set(text.match(DIRECTIVE)?.map(line => line.trim()))]
  return [...directives, text.replace(DIRECTIVE, '')].join('\n')
}

function collect(wanted: string, form: ShaderForm, seen: Set<string>, parts: string[]): void {
  const name = form.normalised && wanted === SOURCE ? NORMALISED_SOURCE : wanted
  if (seen.has(name)) return
  seen.add(name)
  const text = readFileSync(join(SHADERS, `${name}.wgsl`), 'utf8')
  for (const [, library] of text.matchAll(IMPORT)) collect(library!, form, seen, parts)
  const own = text.replace(IMPORT, '')
  const half = name === ACTIVATION && form.activation === 'f16'
  parts.push(half ? `enable f16;\n${own.replace('= f32;', '= f16;')}` : own)
}

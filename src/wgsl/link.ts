import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../util/package_root.ts'

const SHADERS = join(PACKAGE_ROOT, 'shaders')
const IMPORT = /^#import\s+(\S+)\s*$/gm
/** Where the number type of activations is named. */
const ACTIVATION = 'lib/activation'
/** `enable`, `requires` and `diagnostic` must come before anything else in a module. */
const DIRECTIVE = /^(?:enable|requires|diagnostic)\b.*;\s*$/gm

/**
 * The complete WGSL text of a shader: `#import lib/name` lines replaced by the library's text, each library once, directives first.
 * `name` is a path under shaders/ without `.wgsl`; activations are stored as `activation`.
 */
export function linkShader(name: string, activation: 'f32' | 'f16' = 'f32'): string {
  const parts: string[] = []
  collect(name, activation, new Set(), parts)
  const text = parts.join('\n')
  const directives = [...new Set(text.match(DIRECTIVE)?.map(line => line.trim()))]
  return [...directives, text.replace(DIRECTIVE, '')].join('\n')
}

function collect(name: string, activation: 'f32' | 'f16', seen: Set<string>, parts: string[]): void {
  if (seen.has(name)) return
  seen.add(name)
  const text = readFileSync(join(SHADERS, `${name}.wgsl`), 'utf8')
  for (const [, library] of text.matchAll(IMPORT)) collect(library!, activation, seen, parts)
  const own = text.replace(IMPORT, '')
  parts.push(name === ACTIVATION && activation === 'f16' ? `enable f16;\n${own.replace('= f32;', '= f16;')}` : own)
}

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../util/package_root.ts'
import { unroll, withWords } from './repeat.ts'

const SHADERS = join(PACKAGE_ROOT, 'shaders')
const IMPORT = /^#import[ \t]+(\S.*?)\s*$/gm
/** Stands for the number type that activations are stored in. */
const ACTIVATION = 'ACTIVATION'
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

/** The text of a file, by its path under shaders/ without `.wgsl`. */
export type ReadShader = (name: string) => string

/**
 * The complete WGSL text of a shader: `#import` lines replaced by what they name, each once, `#repeat` blocks written out, directives first.
 * `name` is a path under shaders/ without `.wgsl`, and words that stand for names in the text: `conv3d/matrix EDGE=16`.
 */
export function linkShader(name: string, form: ShaderForm = {}, read: ReadShader = readShader): string {
  const parts: string[] = []
  collect(name, { form, read, seen: new Set(), parts })
  const text = parts.join('\n')
  const directives = [...new Set(text.match(DIRECTIVE)?.map(line => line.trim()))]
  return [...directives, text.replace(DIRECTIVE, '')].join('\n')
}

function readShader(name: string): string {
  return readFileSync(join(SHADERS, `${name}.wgsl`), 'utf8')
}

interface Link {
  form: ShaderForm
  read: ReadShader
  seen: Set<string>
  parts: string[]
}

/** `wanted` is what stands on an import line: a path, and words. */
function collect(wanted: string, link: Link): void {
  const { form, read, seen, parts } = link
  const name = form.normalised && wanted === SOURCE ? NORMALISED_SOURCE : wanted
  if (seen.has(name)) return
  seen.add(name)
  const [path = '', ...given] = name.split(/\s+/)
  const { activation = 'f32' } = form
  const written = read(path)
  const words = Object.fromEntries([...given.map(word => word.split('=')), [ACTIVATION, activation]])
  const text = unroll(path, withWords(written, words))
  for (const [, imported] of text.matchAll(IMPORT)) collect(imported!, link)
  if (activation === 'f16' && written.includes(`$${ACTIVATION}`)) parts.push('enable f16;')
  parts.push(text.replace(IMPORT, ''))
}

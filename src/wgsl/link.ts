import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../util/package_root.ts'

const SHADERS = join(PACKAGE_ROOT, 'shaders')
const IMPORT = /^#import\s+(\S+)\s*$/gm
/** `enable`, `requires` and `diagnostic` must come before anything else in a module. */
const DIRECTIVE = /^(?:enable|requires|diagnostic)\b.*;\s*$/gm

/**
 * The complete WGSL text of a shader: `#import lib/name` lines replaced by the library's text, each library once, directives first.
 * `name` is a path under shaders/ without `.wgsl`; `libraries` names libraries that take the place of others.
 */
export function linkShader(name: string, libraries: Readonly<Record<string, string>> = {}): string {
  const parts: string[] = []
  collect(name, libraries, new Set(), parts)
  const text = parts.join('\n')
  const directives = [...new Set(text.match(DIRECTIVE)?.map(line => line.trim()))]
  return [...directives, text.replace(DIRECTIVE, '')].join('\n')
}

function collect(
  wanted: string,
  libraries: Readonly<Record<string, string>>,
  seen: Set<string>,
  parts: string[],
): void {
  const name = libraries[wanted] ?? wanted
  if (seen.has(name)) return
  seen.add(name)
  const text = readFileSync(join(SHADERS, `${name}.wgsl`), 'utf8')
  for (const [, library] of text.matchAll(IMPORT)) collect(library!, libraries, seen, parts)
  parts.push(text.replace(IMPORT, ''))
}

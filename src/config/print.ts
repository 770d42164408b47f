import type { Colors } from '../util/colors.ts'
import { isJsonObject, type JsonObject } from './json.ts'
import { type LoadedConfig, leavesOf } from './load.ts'
import { NAMED_CONFIGS } from './named.ts'

import { pythonLiteral } from './spelling.ts'

const COMMENT_COLUMN = 45

/**
 * The configuration as Sacred prints it: values as Python literals, top-level keys first, each group sorted. Changed values are
 * blue and name their source. Sacred's other marks cannot occur: unknown keys and wrong types are refused.
 */
export function configText({ config, changed, sources }: LoadedConfig, colors: Colors): string {
  const lines = [`Configuration (${colors.blue('modified')}, ${colors.dim('# source')}):`]
  const add = (tree: JsonObject, prefix: string, indent: string): void => {
    const entries = Object.entries(tree).sort(([a], [b]) => (a < b ? -1 : 1))
    for (const [name, value] of entries.filter(([, each]) => !isJsonObject(each))) {
      const source = sources[prefix + name]
      const text = `${indent}${name} = ${pythonLiteral(value)}`
      const comment = `# modified, ${source}`
      lines.push(source === undefined ? text : `${colors.blue(text.padEnd(COMMENT_COLUMN))} ${colors.dim(comment)}`)
    }
    for (const [name, value] of entries) {
      if (!isJsonObject(value)) continue
      const isChanged = changed.some(key => key.startsWith(`${prefix}${name}.`))
      lines.push(isChanged ? colors.blue(`${indent}${name}:`) : `${indent}${name}:`)
      add(value, `${prefix}${name}.`, `${indent}  `)
    }
  }
  add(config, '', '  ')
  return lines.join('\n')
}

/** The named configurations, with the purpose and values of each. */
export function namedConfigsText(colors: Colors): string {
  const lines = [`Named configurations (${colors.dim('# purpose')}):`]
  for (const [name, { description, values }] of Object.entries(NAMED_CONFIGS)) {
    lines.push(`  ${colors.bold(name)} ${colors.dim(`# ${description}`)}`)
    for (const [key, value] of leavesOf(values as JsonObject)) lines.push(`    ${key} = ${pythonLiteral(value)}`)
  }
  return lines.join('\n')
}

import { z } from 'zod'
import { isJsonObject, type Json, type JsonObject } from '../../src/config/json.ts'
import { leavesOf } from '../../src/config/load.ts'
import { NAMED_CONFIGS } from '../../src/config/named.ts'
import { configSchema, defaultConfig } from '../../src/config/schema.ts'
import { pythonLiteral } from '../../src/config/spelling.ts'

const INTRODUCTION = `# Configuration

Every key with its accepted values and meaning. This page and [config.schema.json](config.schema.json) are generated from the schema in
\`src/config/schema.ts\` and the named configurations in \`src/config/named.ts\`; a test keeps them in step.

A configuration is a JSON file with the keys that differ from the defaults, given by \`--config FILE\`. The words after \`with\` override it:
\`key=value\` with Python literals (\`True\` or \`true\`, \`None\`, \`5e-4\`, \`[32, 32, 32]\`; quote anything the shell would split), the name of a
[named configuration](#named-configurations), or another JSON file. In JSON, write \`true\` and \`null\`. A dictionary sets only the keys it
contains. An unknown or misspelled key or an invalid value ends the program with exit code 2 and one line that says what was expected,
where the key was given and which key was probably meant.

\`\`\`json
{
  "dataset_path": "data/heads",
  "model": { "channels": [8, 16, 32, 64, 128] },
  "training": { "batch_size": 2, "num_epochs": 200 },
  "checkpoint": { "save_dir": "checkpoints/heads" }
}
\`\`\`

The same on the command line: \`with dataset_path=data/heads model.channels='[8, 16, 32, 64, 128]' training.batch_size=2 …\`

Precedence, as in Sacred: the defaults are overridden by \`--config FILE\`, then by named configurations and files in the order given, then by the
\`key=value\` words, wherever they appear. To show or save the resulting configuration:

\`\`\`sh
sadaan-gpu print_config with fast seed=7                     # marks changed values with their source
sadaan-gpu save_config --output saved.json with fast seed=7  # the whole configuration, as a file for --config
sadaan-gpu print_named_configs
\`\`\`

Editors complete and check a file that begins with \`"$schema": "…/docs/config.schema.json"\` (a URL or a path; the program ignores it). In VS Code,
a setting does the same for all files with a given name: \`"json.schemas": [{ "fileMatch": ["cfg*.json"], "url": "./docs/config.schema.json" }]\`.
`

/** The JSON Schema of a configuration file. */
export function configurationSchema(): JsonObject {
  const schema = z.toJSONSchema(configSchema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      // zod adds this bound to every integer; it tells a reader nothing
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
    },
  })
  const $schema = { type: 'string', description: 'Schema for editors; the program ignores it' }
  const properties = { $schema, ...schema.properties }
  return JSON.parse(JSON.stringify({ ...schema, properties, title: 'sadaan-gpu configuration' })) as JsonObject
}

/** JSON as the formatter of this repository leaves it: indent 2, lists of plain values on one line. */
export function formatted(value: Json, indent = ''): string {
  const inner = `${indent}  `
  if (Array.isArray(value) && value.some(isJsonObject))
    return `[\n${value.map(item => inner + formatted(item, inner)).join(',\n')}\n${indent}]`
  if (Array.isArray(value)) return `[${value.map(item => JSON.stringify(item)).join(', ')}]`
  if (!isJsonObject(value)) return JSON.stringify(value)
  const entries = Object.entries(value).map(
    ([key, item]) => `${inner}${JSON.stringify(key)}: ${formatted(item, inner)}`,
  )
  return entries.length === 0 ? '{}' : `{\n${entries.join(',\n')}\n${indent}}`
}

/** docs/configuration.md: one table for the top-level keys and one per group. */
export function configurationPage(): string {
  const leaves = leavesOf(defaultConfig())
  const groups = ['', ...new Set(leaves.map(([key]) => groupOf(key)).filter(group => group !== ''))]
  const tables = groups.map(group => {
    const rows = leaves.filter(([key]) => groupOf(key) === group).map(([key, value]) => rowOf(key, value))
    const title = group === '' ? 'Top level' : `\`${group}\``
    return `## ${title}\n\n| key | default | accepts | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`
  })
  return [INTRODUCTION, namedConfigurations(), ...tables].join('\n')
}

function namedConfigurations(): string {
  const rows = Object.entries(NAMED_CONFIGS).map(([name, { description, values }]) => {
    const sets = leavesOf(values as JsonObject).map(([key, value]) => `\`${key}=${pythonLiteral(value)}\``)
    return `| \`${name}\` | ${description} | ${sets.join(', ')} |`
  })
  return `## Named configurations\n\n| name | purpose | sets |\n|---|---|---|\n${rows.join('\n')}\n`
}

function groupOf(key: string): string {
  return key.includes('.') ? key.slice(0, key.lastIndexOf('.')) : ''
}

function rowOf(key: string, value: Json): string {
  const name = key.slice(key.lastIndexOf('.') + 1)
  return `| \`${name}\` | ${shown(value)} | ${expectationOf(key, value === null)} | ${descriptionOf(key)} |`
}

/** As one would write it after `with`. */
function shown(value: Json): string {
  return `\`${pythonLiteral(value)}\``
}

/** What the schema says it expects when the key holds a dictionary, which no key accepts. */
function expectationOf(key: string, isNullable: boolean): string {
  const parsed = configSchema.safeParse(treeOf(key.split('.'), {}))
  const expected = parsed.error!.issues[0]!.message
  return isNullable && !expected.includes('None') ? `${expected}, or None` : expected
}

function treeOf([name, ...rest]: string[], value: Json): Json {
  return name === undefined ? value : { [name]: treeOf(rest, value) }
}

function descriptionOf(key: string): string {
  const walk = (schema: JsonObject, name: string) => (schema.properties as JsonObject)[name] as JsonObject
  return key.split('.').reduce(walk, configurationSchema()).description as string
}

import { z } from 'zod'
import { isJsonObject, type Json, type JsonObject } from '../../src/config/json.ts'
import { leavesOf } from '../../src/config/load.ts'
import { NAMED_CONFIGS } from '../../src/config/named.ts'
import { configSchema, defaultConfig } from '../../src/config/schema.ts'
import { pythonLiteral } from '../../src/config/spelling.ts'

const INTRODUCTION = `# Configuration

Every key, what it takes and what it means. This page and [config.schema.json](config.schema.json) are made from the schema in
\`src/config/schema.ts\` and the named configurations in \`src/config/named.ts\`, and a test holds them equal to them.

A configuration is a JSON file with the keys that differ from the defaults, given by \`--config FILE\`. Words after \`with\` win over it:
\`key=value\` with Python literals (\`True\`, \`None\`, \`5e-4\`, \`[32, 32, 32]\`; quote what the shell would take apart), the name of a
[named configuration](#named-configurations), or a further JSON file. In JSON write \`true\`, \`null\`. A dictionary sets the keys it has and
leaves the others. An unknown key, a mistyped one, or a value that does not fit ends with exit code 2 and one line that says what was expected,
where it was given and which key was probably meant.

\`\`\`json
{
  "dataset_path": "data/heads",
  "model": { "channels": [8, 16, 32, 64, 128] },
  "training": { "batch_size": 2, "num_epochs": 200 },
  "checkpoint": { "save_dir": "checkpoints/heads" }
}
\`\`\`

The same in words: \`with dataset_path=data/heads model.channels='[8, 16, 32, 64, 128]' training.batch_size=2 …\`

What holds in the end, as in Sacred: the defaults; over them \`--config FILE\`; then named configurations and files in the order given; and the
\`key=value\` words over all of these, wherever they stand. To see it, and to keep it:

\`\`\`sh
sadaan-gpu print_config with fast seed=7                     # what was changed is marked with its source
sadaan-gpu save_config --output saved.json with fast seed=7  # the whole configuration, as a file for --config
sadaan-gpu print_named_configs
\`\`\`

Editors complete and check a file that begins with \`"$schema": "…/docs/config.schema.json"\` (an address or a path; the program ignores it). In VS Code
a setting does the same for every file of a name: \`"json.schemas": [{ "fileMatch": ["cfg*.json"], "url": "./docs/config.schema.json" }]\`.
`

/** The JSON Schema of a configuration file. */
export function configurationSchema(): JsonObject {
  const schema = z.toJSONSchema(configSchema, {
    io: 'input',
    override: ({ jsonSchema }) => {
      // zod's bound of every integer; says nothing to a reader
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
    },
  })
  const $schema = { type: 'string', description: 'What an editor checks the file against; ignored' }
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

/** docs/configuration.md: one table for the keys outside groups, and one a group. */
export function configurationPage(): string {
  const leaves = leavesOf(defaultConfig())
  const groups = ['', ...new Set(leaves.map(([key]) => groupOf(key)).filter(group => group !== ''))]
  const tables = groups.map(group => {
    const rows = leaves.filter(([key]) => groupOf(key) === group).map(([key, value]) => rowOf(key, value))
    const title = group === '' ? 'At the top' : `\`${group}\``
    return `## ${title}\n\n| key | default | takes | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`
  })
  return [INTRODUCTION, namedConfigurations(), ...tables].join('\n')
}

function namedConfigurations(): string {
  const rows = Object.entries(NAMED_CONFIGS).map(([name, { description, values }]) => {
    const sets = leavesOf(values as JsonObject).map(([key, value]) => `\`${key}=${pythonLiteral(value)}\``)
    return `| \`${name}\` | ${description} | ${sets.join(', ')} |`
  })
  return `## Named configurations\n\n| name | for | sets |\n|---|---|---|\n${rows.join('\n')}\n`
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

/** What the schema says it expected when the key holds a dictionary, which no key takes. */
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

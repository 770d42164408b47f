import { InputError } from '../util/error.ts'
import { nearest } from '../util/nearest.ts'
import { isJsonObject, type Json, type JsonObject, readJsonFile, sortedJson } from './json.ts'
import { NAMED_CONFIGS } from './named.ts'
import { merge, parseOverrides } from './overrides.ts'
import { type Config, configSchema, defaultConfig } from './schema.ts'
import { pythonLiteral } from './spelling.ts'

export interface LoadedConfig {
  config: Config
  /** Dotted keys whose value differs from the default, sorted. */
  changed: string[]
  /** For each of these, the source of the value, e.g. `from fast`, `from the command line`. */
  sources: Record<string, string>
  /** The values that named configurations, files and words set, as a tree. */
  updates: JsonObject
  /** The named configurations and files, in the order in which they apply. */
  namedConfigs: string[]
  /** The files among them. */
  files: string[]
  /** The values that the `key=value` words alone set, as a tree. */
  words: JsonObject
}

/** Some keys of the configuration and where they were given, e.g. `from the command line`. */
interface Layer {
  values: JsonObject
  source: string
}

/**
 * The configuration. Precedence, lowest first: defaults, `file` (JSON, a part of the tree), the named configurations and files of
 * `overrides` (the words after `with`) in the order given, its `key=value` words. Throws InputError with one line for an unreadable
 * file, an unknown key or name (with the nearest known one) and an invalid value.
 */
export function loadConfig(request: { file?: string; overrides: readonly string[] }): LoadedConfig {
  const { bases, values } = parseOverrides(request.overrides)
  const layers = bases.map(base => (Object.hasOwn(NAMED_CONFIGS, base) ? namedLayer(base) : readLayer(base)))
  if (request.file !== undefined) layers.unshift(readLayer(request.file))
  layers.push({ values, source: 'from the command line' })

  const defaults = defaultConfig()
  for (const layer of layers) refuseUnknownKeys(layer, defaults)
  const updates = layers.reduce((under, layer) => merge(under, layer.values), {} as JsonObject)
  const parsed = configSchema.safeParse(updates)
  if (!parsed.success) throw valueError(parsed.error.issues[0]!, layers, defaults)
  const changed = differingKeys(defaults, parsed.data)
  const sources = Object.fromEntries(changed.map(key => [key, layerOf(layers, key.split('.'))!.source]))
  const namedConfigs = request.file === undefined ? bases : [request.file, ...bases]
  const files = namedConfigs.filter(base => !Object.hasOwn(NAMED_CONFIGS, base) || base === request.file)
  return { config: parsed.data, changed, sources, updates, namedConfigs, files, words: values }
}

/** The configuration as config.json holds it: sorted keys, indent 2. */
export function toJson(config: Config): string {
  return sortedJson(config)
}

/** Dotted keys at which two configurations differ, sorted. */
export function differingKeys(a: Config, b: Config): string[] {
  const leaves = new Map(leavesOf(b))
  return leavesOf(a)
    .filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(leaves.get(key)))
    .map(([key]) => key)
    .sort()
}

/** Every dotted key that holds a value, with the value. Lists are values. */
export function leavesOf(tree: JsonObject, prefix = ''): [string, Json][] {
  return Object.entries(tree).flatMap(([name, value]): [string, Json][] =>
    isJsonObject(value) ? leavesOf(value, `${prefix}${name}.`) : [[prefix + name, value]],
  )
}

function namedLayer(name: string): Layer {
  return { values: NAMED_CONFIGS[name]!.values as JsonObject, source: `from ${name}` }
}

/** A file may name a schema for editors in `$schema`. */
function readLayer(path: string): Layer {
  const tree = readJsonFile(path)
  if (!isJsonObject(tree)) throw new InputError(`${path}: expected a JSON object of configuration keys`)
  const { $schema: _, ...values } = tree
  return { values, source: `from ${path}` }
}

/** The layer that set a key: the last that has it; undefined if the value is the default. */
function layerOf(layers: readonly Layer[], path: readonly string[]): Layer | undefined {
  return layers.findLast(({ values }) => valueAt(values, path) !== undefined)
}

/** The tree of defaults lists the known keys: its dictionaries are groups, everything else is a leaf. */
function refuseUnknownKeys({ values, source }: Layer, defaults: JsonObject): void {
  const walk = (given: JsonObject, known: JsonObject, prefix: string): void => {
    for (const [name, value] of Object.entries(given)) {
      const key = prefix + name
      if (!Object.hasOwn(known, name)) {
        const meant = nearestKey(name, known, prefix, defaults)
        const question = meant === undefined ? '' : `, did you mean "${meant}"?`
        throw new InputError(`configuration: unknown key ${JSON.stringify(key)} (${source})${question}`)
      }
      const below = known[name]!
      if (!isJsonObject(below)) continue
      if (!isJsonObject(value)) {
        const keys = Object.keys(below).slice(0, 3).join(', ')
        throw new InputError(
          `configuration: ${key} is ${shown(value)} (${source}), expected a dictionary of ${keys}, …`,
        )
      }
      walk(value, below, `${key}.`)
    }
  }
  walk(values, defaults, '')
}

/** Keys of the original that have a different name here. */
const RENAMED: ReadonlyMap<string, string> = new Map([['device', 'compute.adapter']])

/** The known key that was probably meant: a sibling, else one of that name elsewhere in the tree. */
function nearestKey(name: string, neighbours: JsonObject, prefix: string, defaults: JsonObject): string | undefined {
  const renamed = RENAMED.get(prefix + name)
  if (renamed !== undefined) return renamed
  const neighbour = nearest(name, Object.keys(neighbours))
  if (neighbour !== undefined) return prefix + neighbour
  const keys = leavesOf(defaults).map(([key]) => key)
  const lastName = (key: string) => key.slice(key.lastIndexOf('.') + 1)
  const elsewhere = nearest(name, keys.map(lastName))
  return keys.find(key => lastName(key) === elsewhere)
}

/** One line for the first invalid value. Errors inside a list are reported for the whole list. */
function valueError(
  issue: { path: PropertyKey[]; message: string },
  layers: readonly Layer[],
  defaults: JsonObject,
): InputError {
  const path = issue.path.map(String)
  const isGroup = (length: number) => isJsonObject(valueAt(defaults, path.slice(0, length)))
  while (path.length > 1 && !isGroup(path.length - 1)) path.pop()
  // a value that conflicts with another one may be a default
  const { values, source } = layerOf(layers, path) ?? { values: defaults, source: 'the default' }
  return new InputError(
    `configuration: ${path.join('.')} is ${shown(valueAt(values, path)!)} (${source}), expected ${issue.message}`,
  )
}

function valueAt(tree: JsonObject, path: readonly string[]): Json | undefined {
  let value: Json | undefined = tree
  for (const key of path) value = isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
  return value
}

/** A value as an error line shows it: as one types it, shortened. */
function shown(value: Json): string {
  const text = pythonLiteral(value)
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

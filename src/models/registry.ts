import { join } from 'node:path'
import { InputError } from '../util/error.ts'
import { isRegularFile } from '../util/files/input_file.ts'
import { factsOf, isFolder, namesIn } from '../util/files/lookup.ts'
import { listed } from '../util/listing.ts'
import { nearest } from '../util/nearest.ts'
import { PACKAGE_ROOT } from '../util/package_root.ts'

/** A model that has a name. */
export interface NamedModel {
  name: string
  path: string
}

/** The folder of the models that come with the package; without any, an installed package has none. */
const SHIPPED = join(PACKAGE_ROOT, 'src/models')

const ENDING = '.safetensors'
/** A name cannot be mistaken for a file of weights, which has an extension. */
const NAME = /^[\w-]+$/

/** Whether a model may be called so. */
export function isModelName(name: string): boolean {
  return NAME.test(name)
}

/** The models with a name, sorted: NAME.safetensors in the package and in the folder that SADAAN_MODELS names, which wins. */
export function namedModels({ SADAAN_MODELS: own }: NodeJS.ProcessEnv = process.env): NamedModel[] {
  if (own && !isFolder(own)) throw new InputError(`SADAAN_MODELS=${own}: is no folder, expected one with .safetensors`)
  const folders = [...(isFolder(SHIPPED) ? [SHIPPED] : []), ...(own ? [own] : [])]
  const models = new Map(folders.flatMap(modelsIn))
  return [...models].map(([name, path]) => ({ name, path })).sort((a, b) => (a.name < b.name ? -1 : 1))
}

function modelsIn(folder: string): [string, string][] {
  const names = namesIn(folder).filter(file => file.endsWith(ENDING))
  return names
    .map((file): [string, string] => [file.slice(0, -ENDING.length), join(folder, file)])
    .filter(([name]) => isModelName(name))
}

/** The file of the model with this name; undefined if there is none. */
export function modelNamed(name: string): string | undefined {
  return isModelName(name) ? namedModels().find(model => model.name === name)?.path : undefined
}

/**
 * The file of weights that a user means: the path, or the file of a named model. A file in the working directory wins over a model of
 * the same name, a folder does not. Throws InputError for a name without any; any other path is left to its reader.
 */
export function weightsPath(nameOrPath: string): string {
  if (!isModelName(nameOrPath) || isRegularFile(nameOrPath)) return nameOrPath
  return modelNamed(nameOrPath) ?? (factsOf(nameOrPath) ? nameOrPath : refuse(nameOrPath))
}

function refuse(name: string): never {
  const names = namedModels().map(model => model.name)
  const meant = nearest(name, names)
  const known = names.length === 0 ? 'there are none' : `known: ${listed(names)}`
  const hint = meant === undefined ? '' : `; did you mean ${JSON.stringify(meant)}?`
  throw new InputError(
    `${name}: no such file and no model of that name (${known}), expected a .pth, .pt or .safetensors file${hint}`,
  )
}

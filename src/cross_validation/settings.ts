import { join, resolve } from 'node:path'
import { z } from 'zod'
import { differingKeys, leavesOf } from '../config/load.ts'
import { type Config, configSchema } from '../config/schema.ts'
import { firstDifference } from '../data/dataset/existing.ts'
import { InputError } from '../util/error.ts'
import { makeFolder } from '../util/files/folder.ts'
import { factsOf } from '../util/files/lookup.ts'
import { parseJson } from '../util/json.ts'
import { readText, writeJson } from '../util/whole_file.ts'
import { PLACES, placesOf } from './places.ts'
import type { CrossValidationRequest } from './request.ts'

/** Keys that machines which share the work may set differently: they change no result, or are set for each fold. */
const FREE_KEYS =
  /^(dataset_path|training\.(num_workers|pin_memory|memory_cleanup_frequency|early_stopping_patience)|checkpoint\.(save_.*|keep_best_only)|logging\..*|compute\.(adapter|autotune))$/

const schema = z.strictObject({
  folds: z.int(),
  seed: z.int(),
  given: z.array(z.array(z.string())).nullable(),
  flips: z.boolean().default(false),
  data: z.record(z.string(), z.unknown()),
  config: z.unknown(),
})

/** Throws InputError for settings that make no cross-validation, or none whose figures can be believed. */
export function checkRequest({ folds, seed, given, only = [], config }: CrossValidationRequest): void {
  if (!Number.isInteger(folds) || folds < 2)
    throw new InputError(`cross-validate: ${folds} folds, expected an integer of at least 2`)
  if (given && given.length !== folds)
    throw new InputError(`cross-validate: ${folds} folds, but ${given.length} are given`)
  if (seed >>> 0 !== seed)
    throw new InputError(`cross-validate: seed ${seed}, expected an integer from 0 to 4294967295`)
  const wrong = only.find(fold => !Number.isInteger(fold) || fold < 0 || fold >= folds)
  if (wrong !== undefined) throw new InputError(`cross-validate: no fold ${wrong}, expected 0 to ${folds - 1}`)
  if (config.optimizer.lr_scheduler === 'reduce_on_plateau')
    throw new InputError(
      "cross-validate: optimizer.lr_scheduler is 'reduce_on_plateau': the subjects that a fold is judged on would set its rate; expected 'cosine_annealing' or 'none'",
    )
}

/**
 * Throws InputError if the folder was begun with other settings, and names the first that differs. Until a fold has a checkpoint, another
 * configuration loses nothing, so a batch that did not fit can be made smaller.
 */
export function checkSettings(request: CrossValidationRequest): void {
  const path = join(request.output, PLACES.settings)
  if (factsOf(path)) refuseOthers(path, settingsOf(request), hasModel(request))
}

/** Writes the settings, which later starts must have too. */
export function writeSettings(request: CrossValidationRequest): void {
  const { output } = request
  makeFolder(output, 'a folder for the cross-validation')
  writeJson(join(output, PLACES.settings), settingsOf(request))
}

function hasModel({ output, folds }: CrossValidationRequest): boolean {
  return Array.from({ length: folds }, (_, fold) => placesOf(output, fold).model).some(path => factsOf(path))
}

interface Settings {
  folds: number
  seed: number
  given: readonly (readonly string[])[] | null
  flips: boolean
  data: Record<string, unknown>
  config: Config
}

function settingsOf({ folds, seed, given, flips = false, data, config }: CrossValidationRequest): Settings {
  const { sources, ...others } = data
  const placed = sources.map(({ images, labels, ...rest }) => ({
    images: resolve(images),
    ...(labels === undefined ? {} : { labels: resolve(labels) }),
    ...rest,
  }))
  const settings = JSON.parse(JSON.stringify({ ...others, sources: placed }))
  return { folds, seed, given: given ?? null, flips, data: settings, config }
}

function refuseOthers(path: string, settings: Settings, isConfigFixed: boolean): void {
  const { data, config } = settings
  const there = parseJson(readText(path), path, schema)
  const names = Object.keys({ ...there.data, ...data })
  const all = (values: Record<string, unknown>) => Object.fromEntries(names.map(name => [name, values[name] ?? null]))
  const difference =
    firstDifference(dealing(there), dealing(settings)) ??
    firstDifference(all(there.data), all(data)) ??
    (isConfigFixed ? configDifference(path, there.config, config) : undefined)
  if (difference !== undefined)
    throw new InputError(
      `${path}: this cross-validation was begun otherwise: ${difference}; choose another --output-dir`,
    )
}

/** Who is predicted by which model, and how. */
function dealing({ folds, seed, given, flips }: Omit<Settings, 'data' | 'config'>) {
  return { folds, seed, given, flips }
}

function configDifference(path: string, there: unknown, wanted: Config): string | undefined {
  const parsed = configSchema.safeParse(there)
  if (!parsed.success) throw new InputError(`${path}: config: not a configuration of this version`)
  const key = differingKeys(parsed.data, wanted).find(each => !FREE_KEYS.test(each))
  if (key === undefined) return undefined
  const valueIn = (config: Config): unknown => new Map(leavesOf(config)).get(key)
  return firstDifference({ [key]: valueIn(parsed.data) }, { [key]: valueIn(wanted) })
}

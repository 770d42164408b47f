import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../../util/error.ts'
import { jsonValue } from '../../util/json.ts'
import { readText } from '../../util/whole_file.ts'
import { SPLIT_NAMES, type SplitName } from './split.ts'

export const METADATA = 'metadata.json'

/** The metadata of a dataset whose files are getting their names; metadata.json is then missing. */
export const NEXT_METADATA = '.metadata.json.next'

/** The files that writing a dataset replaces, metadata first. */
export const DATASET_FILES = [METADATA, 'hashes.json', ...SPLIT_NAMES.map(name => `${name}.h5`)]

/** What metadata.json records about the making of a dataset; empty if that cannot be read. */
export type DatasetRecord = Readonly<Record<string, unknown>>

/** Whether a dataset replaces an earlier one that was made otherwise. */
export interface Replacing {
  command: 'generate' | 'import'
  overwrite: boolean
  /** how an earlier dataset differs from what will be written, or undefined if it is an earlier state of the same */
  difference: (recorded: DatasetRecord) => string | undefined
}

/** Throws InputError if the directory holds a dataset, or files of one, that `replacing` does not allow to replace. */
export function refuseOther(directory: string, { command, overwrite, difference }: Replacing): void {
  const files = DATASET_FILES.filter(name => existsSync(join(directory, name)))
  if (overwrite || files.length === 0) return
  const recorded = recordIn(directory)
  const reason = recorded ? (difference(recorded) ?? addedTo(recorded, files)) : 'no metadata.json'
  if (reason === undefined) return
  throw new InputError(
    `${directory}: holds another dataset (${reason}): ${files.join(', ')}; choose another folder, or replace these files with ${command} --overwrite`,
  )
}

function recordIn(directory: string): DatasetRecord | undefined {
  const path = [METADATA, NEXT_METADATA].map(name => join(directory, name)).find(existsSync)
  return path === undefined ? undefined : recordAt(path)
}

/** A split that was put beside those that the record counts (`generate`) or whose subjects it lists (`import`). */
function addedTo({ dataset_info }: DatasetRecord, files: readonly string[]): string | undefined {
  const info = entriesOf(dataset_info)
  const listed = new Set([info.subjects].flat().map(subject => entriesOf(subject).split))
  const isOurs = (name: SplitName): boolean => listed.has(name) || Number(info[`${name}_samples`]) > 0
  const added = SPLIT_NAMES.find(name => files.includes(`${name}.h5`) && !isOurs(name))
  return added && `its metadata.json knows no ${added}.h5`
}

/** The content of a metadata.json; empty if it cannot be read. */
export function recordAt(path: string): DatasetRecord {
  try {
    return entriesOf(jsonValue(readText(path), path))
  } catch (error) {
    if (error instanceof InputError) return {}
    throw error
  }
}

/** The entries of an object in JSON; none if it is something else. */
export function entriesOf(value: unknown): DatasetRecord {
  return typeof value === 'object' && value !== null ? (value as DatasetRecord) : {}
}

/** The first of the values that is recorded otherwise, as "seed is 1, expected 2". */
export function firstDifference(recorded: DatasetRecord, wanted: DatasetRecord): string | undefined {
  for (const [name, value] of Object.entries(wanted)) {
    const [is, expected] = [recorded[name], value].map(each => shown(JSON.stringify(each) ?? 'not recorded'))
    if (JSON.stringify(recorded[name]) !== JSON.stringify(value)) return `${name} is ${is}, expected ${expected}`
  }
  return undefined
}

const MOST_SHOWN = 80 // characters

function shown(text: string): string {
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text
}

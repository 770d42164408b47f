import { z } from 'zod'
import { InputError } from '../util/error.ts'
import { parseJson } from '../util/json.ts'
import { listed } from '../util/listing.ts'
import { readText } from '../util/whole_file.ts'

const names = z.array(z.string().min(1)).min(1)

/** nnU-Net's splits_final.json: for each fold the cases to train on and those to validate on. */
const schema = z.array(z.looseObject({ train: names, val: names })).min(2)

/** For each fold the names of its held-out scans or subjects. Throws InputError if the file is no splits_final.json or a name is in two folds. */
export function readGivenFolds(path: string): string[][] {
  const folds = parseJson(readText(path, "nnU-Net's splits_final.json"), path, schema).map(({ val }) => val)
  const all = folds.flat()
  const twice = all.filter((name, i) => all.indexOf(name) !== i)
  if (twice.length > 0)
    throw new InputError(`${path}: ${listed([...new Set(twice)])} in val of two folds, expected each name in one`)
  return folds
}

/** A subject and the names of its scans. */
export interface NamedSubject {
  subject: string
  scans: readonly string[]
}

/** The fold of each subject, as given by its name or that of a scan. Throws InputError unless every subject has one, and every name a subject. */
export function foldsGiven(
  subjects: readonly NamedSubject[],
  given: readonly (readonly string[])[],
): Map<string, number> {
  const foldOf = new Map(given.flatMap((names, fold) => names.map(name => [name, fold] as const)))
  const found = new Map<string, number>()
  for (const { subject, scans } of subjects) {
    const folds = new Set([subject, ...scans].flatMap(name => foldOf.get(name) ?? []))
    if (folds.size > 1)
      throw new InputError(`cross-validate: the scans of ${subject} are in several of the given folds, expected one`)
    for (const fold of folds) found.set(subject, fold)
  }
  const without = subjects.filter(({ subject }) => !found.has(subject)).map(({ subject }) => subject)
  if (without.length > 0) throw new InputError(`cross-validate: the given folds lack ${listed(without)}`)
  const known = new Set(subjects.flatMap(({ subject, scans }) => [subject, ...scans]))
  const strangers = [...foldOf.keys()].filter(name => !known.has(name))
  if (strangers.length > 0)
    throw new InputError(`cross-validate: the given folds name ${listed(strangers)}, which are not among the scans`)
  return found
}

/** A splits_final.json of these folds, for nnU-Net to train on the same. */
export function splitsFinal(subjects: readonly (NamedSubject & { fold: number })[], folds: number) {
  return Array.from({ length: folds }, (_, fold) => {
    const scansOf = (isHeldOut: boolean): string[] =>
      subjects.filter(each => (each.fold === fold) === isHeldOut).flatMap(({ scans }) => [...scans])
    return { train: scansOf(false), val: scansOf(true) }
  })
}

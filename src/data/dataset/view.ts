import { z } from 'zod'
import { InputError } from '../../util/error.ts'
import { listed } from '../../util/listing.ts'

const names = z.array(z.string().min(1)).min(1)

/**
 * The entry `view` of a metadata.json without files of its own: its training and validation split are subjects in the training split of another
 * dataset. So the folds of a cross-validation share one file.
 */
export const viewSchema = z.strictObject({
  /** folder of that dataset, relative to this one */
  of: z.string().min(1),
  subjects: z.strictObject({ train: names, val: names }),
})

export type DatasetView = z.infer<typeof viewSchema>

/** The rows of the subjects, in the order of the file. Throws InputError, with the path of the view, for a subject that the file lacks or both splits have. */
export function rowsOfSubjects(
  split: { path: string; subjects: readonly string[] },
  { train, val }: DatasetView['subjects'],
  path: string,
): Record<'train' | 'val', number[]> {
  const known = new Set(split.subjects)
  const unknown = [...train, ...val].filter(subject => !known.has(subject))
  if (unknown.length > 0) throw new InputError(`${path}: ${split.path} has no subject ${listed(unknown)}`)
  const [trained, validated] = [new Set(train), new Set(val)]
  const both = val.filter(subject => trained.has(subject))
  if (both.length > 0) throw new InputError(`${path}: ${listed(both)} in both splits, expected each subject in one`)
  const rowsIn = (subjects: ReadonlySet<string>): number[] =>
    split.subjects.flatMap((subject, row) => (subjects.has(subject) ? [row] : []))
  return { train: rowsIn(trained), val: rowsIn(validated) }
}

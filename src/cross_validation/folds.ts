import { createHash } from 'node:crypto'
import { InputError } from '../util/error.ts'

/** All scans of one subject. */
export interface FoldSubject {
  subject: string
  /** which structures are present, absent or unknown in it */
  pattern: string
}

/**
 * The fold of each subject, from its name, the seed and the other subjects alone: the order in which they are found does not matter. Subjects
 * of equal pattern are dealt to the folds in turn, in an order that a digest of seed and name gives; one pattern goes on where the last one
 * ended, so that the sizes of two folds differ by one at most. Throws InputError if there are fewer subjects than folds.
 */
export function dealFolds(subjects: readonly FoldSubject[], folds: number, seed: number): Map<string, number> {
  if (subjects.length < folds)
    throw new InputError(
      `cross-validate: ${subjects.length} subjects, expected at least one for each of ${folds} folds`,
    )
  const keyed = subjects.map(({ subject, pattern }) => ({ subject, pattern, key: digestOf(seed, subject) }))
  const dealt = keyed.sort((a, b) => compare(a.pattern, b.pattern) || compare(a.key, b.key))
  return new Map(dealt.map(({ subject }, i) => [subject, i % folds]))
}

function digestOf(seed: number, subject: string): string {
  return createHash('sha256').update(`${seed}\0${subject}`).digest('hex')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

import { InputError } from '../../src/util/error.ts'
import { OP_SPLIT, RandomStream } from '../../src/util/random.ts'
import type { LabelledScan, LabelledScans } from './scans.ts'

/** The scans of each fold, by subject: the same for the same subjects, seed and number of folds. Throws InputError for too few subjects. */
export function foldsOf({ folder, scans }: LabelledScans, count: number, seed: number): LabelledScan[][] {
  const subjects = [...new Set(scans.map(({ subject }) => subject))].sort()
  if (!(Number.isInteger(count) && count >= 2 && count <= subjects.length))
    throw new InputError(
      `${folder}: ${subjects.length} subjects in ${count} folds, expected 2 to ${subjects.length} folds`,
    )
  const dealt = new RandomStream({ seed, operation: OP_SPLIT }).shuffle(subjects)
  const foldOf = new Map(dealt.map((subject, place) => [subject, place % count]))
  return Array.from({ length: count }, (_, fold) => scans.filter(({ subject }) => foldOf.get(subject) === fold))
}

import { planFolds } from '../../src/cross_validation/plan.ts'
import { openSource } from '../../src/data/import/sources.ts'
import { surveySources } from '../../src/data/import/survey.ts'
import { InputError } from '../../src/util/error.ts'
import type { LabelledScan, LabelledScans } from './scans.ts'

/** The scans of each fold, by subject: the folds of `cross-validate` with the same number and seed. Throws InputError for too few subjects. */
export function foldsOf({ folder, scans }: LabelledScans, folds: number, seed: number): LabelledScan[][] {
  if (!(Number.isInteger(folds) && folds >= 2))
    throw new InputError(`bench: ${folds} folds, expected an integer of at least 2`)
  const refuse = (error: InputError): never => {
    throw error
  }
  const { scans: surveyed, structureNames } = surveySources([openSource({ images: folder }, refuse)], {
    order: undefined,
    hasPatches: false,
    refuse,
    onLabel: () => undefined,
  })
  const names = scans.map(({ name }) => name)
  const { subjects } = planFolds(surveyed, { folds, seed, structureNames }, names)
  const foldOf = new Map(subjects.map(({ subject, fold }) => [subject, fold]))
  return Array.from({ length: folds }, (_, fold) => scans.filter(({ subject }) => foldOf.get(subject) === fold))
}

import type { CaseRow } from '../../wire/results.ts'

/** The cases that need a look first: most wrong presences, then lowest Dice; without truth, in the order of the input. */
export function ordered(cases: readonly CaseRow[]): CaseRow[] {
  return [...cases].sort(
    (a, b) =>
      b.wrong - a.wrong ||
      (a.dice ?? Number.POSITIVE_INFINITY) - (b.dice ?? Number.POSITIVE_INFINITY) ||
      a.sample - b.sample,
  )
}

import type { AdapterFacts } from '../graph/kernel.ts'

/** Steps that may be on their way through the GPU at once; a further one waits for the oldest. */
export const STEPS_IN_FLIGHT = 2

/** Longest work of one submit: desktops reset a GPU that does not answer for a second or two. */
const SECONDS_PER_SUBMIT = 0.5

/** How many submits a step of this length is to be cut into. A software adapter has no watchdog. */
export function submitsFor(facts: AdapterFacts, secondsPerStep: number): number {
  return facts.software ? 1 : Math.max(1, Math.ceil(secondsPerStep / SECONDS_PER_SUBMIT))
}

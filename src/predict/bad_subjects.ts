import { firstNotFinite } from '../run/finite_outputs.ts'
import { InputError } from '../util/error.ts'
import type { RawOutputs } from './subject_prediction.ts'
import type { Subjects } from './subjects.ts'

/** A scan or sample without results. */
export interface FailedSubject {
  /** index in the input */
  sample: number
  /** empty if it has no name */
  scan: string
  /** begins with its path */
  reason: string
}

/** The scans and samples of a prediction that could not be used. They do not end it, unless there is nothing else. */
export class BadSubjects {
  private readonly subjects: Subjects
  private readonly found = new Map<number, InputError>()

  constructor(subjects: Subjects) {
    this.subjects = subjects
  }

  get count(): number {
    return this.found.size
  }

  has(index: number): boolean {
    return this.found.has(index)
  }

  /** Throws `error` if it is not about this subject alone, such as a lost device or a full disk, or if there is no other subject. */
  add(index: number, error: unknown): void {
    if (!(error instanceof InputError) || this.subjects.count === 1) throw error
    this.found.set(index, error)
  }

  /** Adds those of another rank. */
  adopt(failed: readonly FailedSubject[]): void {
    for (const { sample, reason } of failed) this.found.set(sample, new InputError(reason))
  }

  list(): FailedSubject[] {
    return [...this.found]
      .sort(([a], [b]) => a - b)
      .map(([sample, { message }]) => ({ sample, scan: this.subjects.nameOf(sample), reason: message }))
  }

  /** Throws InputError if no subject of the input is left. */
  checkAnyLeft(): void {
    const [first, ...others] = this.list()
    if (first && this.found.size === this.subjects.count)
      throw new InputError(`${first.reason} (${others.length} more inputs cannot be predicted either)`)
  }
}

/** Throws InputError if an output of `whose` model for the subject `where` is not finite: it would look like an absent structure. */
export function checkFinite(
  outputs: RawOutputs,
  { where, whose }: { where: string; whose: string },
  structureNames: readonly string[],
): void {
  for (const [name, values] of Object.entries(outputs)) {
    const at = firstNotFinite(values)
    if (at < 0) continue
    const structure = structureNames[Math.floor((at * structureNames.length) / values.length)]!
    throw new InputError(`${where}: ${whose} ${name} of ${structure} is ${values[at]}, expected a finite number`)
  }
}

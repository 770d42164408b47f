import { InputError } from '../../util/error.ts'
import { OP_SPLIT, RandomStream } from '../../util/random.ts'
import { drawStratified } from '../../util/stratify.ts'
import type { SplitName } from '../dataset/split.ts'
import type { SurveyedScan } from './surveyed_scan.ts'

export const NO_VALIDATION =
  'no subject is left for validation: it uses the training subjects, so its metrics say nothing about other subjects'

export interface SplitPlan {
  splits: Record<SplitName, SurveyedScan[]>
  warnings: string[]
}

export interface SplitShares {
  /** Fraction of the subjects. */
  validationSplit: number
  /** Fraction of the subjects. */
  testSplit: number
  seed: number
}

/** All scans of one subject. */
interface Subject {
  scans: SurveyedScan[]
  pattern: string
}

/**
 * Divides the subjects, each with all its scans, into splits. Draws first test and then validation subjects at random, stratified by the pattern
 * of present, absent and unknown structures. If sources or lists name the validation or test split, it holds only them. Training has priority: with few
 * subjects the other splits get the rest. If none are left for validation, it uses the training subjects, with a warning.
 */
export function splitSubjects(
  scans: readonly SurveyedScan[],
  { validationSplit, testSplit, seed }: SplitShares,
): SplitPlan {
  const free = subjectsOf(scans.filter(({ split }) => !split))
  const fixed = (name: SplitName): SurveyedScan[] => scans.filter(({ split }) => split === name)
  checkApart(scans)
  const random = new RandomStream({ seed, operation: OP_SPLIT })
  const share = (part: number): number => (part > 0 ? Math.max(1, Math.round(part * free.length)) : 0)
  const kept = Number(fixed('train').length === 0) // subjects that training needs
  const test = fixed('test').length > 0 ? 0 : Math.min(share(testSplit), Math.max(0, free.length - kept - 1))
  const most = Math.max(0, free.length - test - kept)
  const validation = fixed('val').length > 0 ? 0 : Math.min(share(validationSplit), most)
  const held = draw(free, test, random)
  const second = draw(held.kept, validation, random)
  const scansOf = (subjects: readonly Subject[]): SurveyedScan[] =>
    random.shuffle([...subjects]).flatMap(each => each.scans)
  const splits = {
    train: [...fixed('train'), ...scansOf(second.kept)],
    val: [...fixed('val'), ...scansOf(second.drawn)],
    test: [...fixed('test'), ...scansOf(held.drawn)],
  }
  if (splits.train.length === 0) throw new InputError('no subject is left for training')
  const warnings: string[] = []
  if (testSplit > 0 && splits.test.length === 0)
    warnings.push(`${free.length} subjects leave none for testing: no test split`)
  if (splits.val.length === 0) {
    splits.val = splits.train
    warnings.push(NO_VALIDATION)
  }
  return { splits, warnings }
}

function draw(
  subjects: readonly Subject[],
  count: number,
  random: RandomStream,
): { kept: Subject[]; drawn: Subject[] } {
  const strata = new Map<string, Subject[]>()
  for (const subject of subjects) append(strata, subject.pattern, subject)
  const ordered = [...strata].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, members]) => members)
  return count === 0 ? { kept: [...subjects], drawn: [] } : drawStratified(ordered, count, random)
}

function append<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key)
  if (list) list.push(item)
  else lists.set(key, [item])
}

/** A subject has a structure if any of its scans shows it. */
function subjectsOf(scans: readonly SurveyedScan[]): Subject[] {
  const bySubject = new Map<string, SurveyedScan[]>()
  for (const scan of scans) append(bySubject, scan.subject, scan)
  return [...bySubject.values()].map(scans => ({
    scans,
    pattern: scans[0]!.presence.map((_, s) => Math.max(...scans.map(({ presence }) => presence[s]!))).join(),
  }))
}

/** Throws InputError if a subject would be in two splits, or two scans have the same name. */
export function checkApart(scans: readonly SurveyedScan[]): void {
  const names = new Map<string, SurveyedScan>()
  const splits = new Map<string, SplitName | undefined>()
  for (const scan of scans) {
    const other = names.get(scan.name)
    if (other)
      throw new InputError(
        `${scan.images[0]}: has the name '${scan.name}' like ${other.images[0]}, expected different names, or a name for each source`,
      )
    names.set(scan.name, scan)
    if (splits.has(scan.subject) && splits.get(scan.subject) !== scan.split)
      throw new InputError(`${scan.name}: subject '${scan.subject}' is in sources or lists of different splits`)
    splits.set(scan.subject, scan.split)
  }
}

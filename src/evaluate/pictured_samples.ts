import type { CaseRow } from '../report/case_row.ts'
import { meanOfDefined } from '../util/statistics.ts'

/** A sample worth a look, and why. */
export interface PicturedSample {
  /** index within the split */
  sample: number
  subject: string
  scenario: string
  /** e.g. 'lowest mean Dice'; several with commas between */
  reason: string
  /** over its present structures, without the presence gate; null without any */
  meanDice: number | null
}

interface Candidate extends Omit<PicturedSample, 'reason'> {
  /** of its wrong presence, how far the probability lies on the wrong side: largest absent one, then largest present one; −1 where all is right */
  falsePresence: number
  falseAbsence: number
}

/**
 * At most `count` samples of an evaluation, no sample twice: the lowest mean Dice, the median, the highest, the structure that was most
 * confidently predicted present though it is absent (the model's purpose is to tell that), the one most confidently predicted absent though it is present,
 * then from the lowest mean Dice up. A sample tells all of these reasons that it has.
 */
export function choosePictured(rows: readonly CaseRow[], count: number): PicturedSample[] {
  const candidates = candidatesOf(rows)
  const ranked = candidates.filter(({ meanDice }) => meanDice !== null).sort((a, b) => a.meanDice! - b.meanDice!)
  const most = (figure: 'falsePresence' | 'falseAbsence'): Candidate | undefined =>
    candidates.filter(each => each[figure] >= 0).sort((a, b) => b[figure] - a[figure])[0]
  const reasons: [Candidate | undefined, string][] = [
    [ranked[0], 'lowest mean Dice'],
    [ranked[Math.floor(ranked.length / 2)], 'median mean Dice'],
    [ranked.at(-1), 'highest mean Dice'],
    [most('falsePresence'), 'an absent structure predicted present'],
    [most('falseAbsence'), 'a present structure predicted absent'],
  ]
  const others = [...ranked, ...candidates.filter(({ meanDice }) => meanDice === null)]
  const order = new Set([...reasons.map(([candidate]) => candidate), ...others].filter(each => each !== undefined))
  return [...order].slice(0, count).map(candidate => {
    const { sample, subject, scenario, meanDice } = candidate
    const own = reasons.filter(([each]) => each === candidate).map(([, reason]) => reason)
    const reason = own.join(', ') || (meanDice === null ? 'no structure present' : 'low mean Dice')
    return { sample, subject, scenario, reason, meanDice }
  })
}

function candidatesOf(rows: readonly CaseRow[]): Candidate[] {
  const bySample = new Map<number, CaseRow[]>()
  for (const row of rows) {
    const others = bySample.get(row.sample)
    if (others) others.push(row)
    else bySample.set(row.sample, [row])
  }
  return [...bySample.values()].map(of => {
    const { sample, subject, scenario } = of[0]!
    const wrong = of.filter(row => row.present !== row.predicted_present)
    const surest = (present: 0 | 1): number =>
      Math.max(
        -1,
        ...wrong.filter(row => row.present === present).map(({ presence_probability: q }) => (present ? 1 - q : q)),
      )
    const meanDice = meanOfDefined(of.map(({ dice }) => dice))
    return { sample, subject, scenario, meanDice, falsePresence: surest(0), falseAbsence: surest(1) }
  })
}

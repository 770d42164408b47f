import type { CaseRow } from '../report/case_row.ts'
import { meanOfDefined } from '../util/statistics.ts'

/** An informative sample and the reason for its selection. */
export interface PicturedSample {
  /** index within the split, from 0, as in its HDF5 file */
  sample: number
  subject: string
  scenario: string
  /** e.g. 'lowest mean Dice'; several are separated by commas */
  reason: string
  /** over its present structures, with the presence gate, as its picture shows; null without any */
  meanDice: number | null
}

interface Candidate extends Omit<PicturedSample, 'reason'> {
  /** highest presence probability of an absent structure predicted present; −1 if there is none */
  falsePresence: number
  /** highest absence probability of a present structure predicted absent; −1 if there is none */
  falseAbsence: number
}

/**
 * Selects at most `count` different samples: the lowest, median and highest mean Dice, the most confident false presence (detecting absence is
 * the model's purpose), the most confident false absence, then the others from the lowest mean Dice upwards. A sample lists all of its
 * reasons.
 */
export function choosePictured(rows: readonly CaseRow[], count: number): PicturedSample[] {
  const candidates = candidatesOf(rows)
  const ranked = candidates.filter(({ meanDice }) => meanDice !== null).sort((a, b) => a.meanDice! - b.meanDice!)
  const most = (error: 'falsePresence' | 'falseAbsence'): Candidate | undefined =>
    candidates.filter(each => each[error] >= 0).sort((a, b) => b[error] - a[error])[0]
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
    const meanDice = meanOfDefined(of.map(row => row.gated_dice))
    return { sample, subject, scenario, meanDice, falsePresence: surest(0), falseAbsence: surest(1) }
  })
}

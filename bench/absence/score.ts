import { join } from 'node:path'
import { rocAuc } from '../../src/evaluate/ranking.ts'
import type { ScoredPair } from '../../src/report/score.ts'
import { scorePredictions } from '../../src/score/score.ts'
import { InputError } from '../../src/util/error.ts'
import { mean } from '../../src/util/statistics.ts'
import { readAbsenceSet } from './absence_set.ts'

/** How presence is read from a prediction: as the tool says, or from the volume of its mask. */
export type Rule = 'presence' | 'volume > 0' | 'volume > best'

/** Absence as the positive class: sensitivity is the share of absent structures that are called absent. */
export interface AbsenceLine {
  tool: string
  rule: Rule
  structure: string
  absent: number
  present: number
  accuracy: number | null
  sensitivity: number | null
  specificity: number | null
  /** of what the rule compares with a threshold: probability or volume */
  auc: number | null
  /** mean over absent structures of the volume that the tool draws all the same, ml */
  false_volume_ml: number | null
  /** ml; the threshold of best balanced accuracy on these very crops, known only in hindsight */
  threshold_ml?: number
}

/** Predictions of a set's test crops: what `predict` wrote, or a folder of label volumes. */
export interface AbsencePredictions {
  tool: string
  folder: string
}

/** In the lines over all structures. */
const ALL = 'all'

/**
 * Compares predictions of a set's test crops with its truth. Of each crop, only the structure that it was drawn for counts: those pairs are
 * matched in length, so that the size of a crop is no clue. Throws InputError if a crop is missing.
 */
export async function scoreAbsence(folder: string, predictions: readonly AbsencePredictions[]): Promise<AbsenceLine[]> {
  const { crops, structures } = readAbsenceSet(folder)
  const drawnFor = new Map(crops.map(({ name, drawn_for }) => [name, drawn_for]))
  if (!crops.some(({ part }) => part === 'test')) throw new InputError(`${folder}: has no crops for testing`)
  const lines: AbsenceLine[] = []
  for (const { tool, folder: predicted } of predictions) {
    const { cases } = await scorePredictions({
      predictions: predicted,
      labels: join(folder, 'test', 'labels'),
      structures: structures.map(({ name, values }) => ({ name, marks: values })),
    })
    const judged = cases.filter(({ scan, structure }) => drawnFor.get(scan) === structure)
    const saysPresence = judged.every(({ presence_probability }) => presence_probability !== null)
    const rules: Rule[] = [...(saysPresence ? (['presence'] as const) : []), 'volume > 0', 'volume > best']
    for (const rule of rules)
      for (const structure of [...structures.map(({ name }) => name), ALL]) {
        const pairs = judged.filter(pair => structure === ALL || pair.structure === structure)
        lines.push({ tool, rule, structure, ...figures(pairs, rule) })
      }
  }
  return lines
}

function figures(pairs: readonly ScoredPair[], rule: Rule): Omit<AbsenceLine, 'tool' | 'rule' | 'structure'> {
  const threshold = rule === 'volume > best' ? bestThreshold(pairs) : 0
  const isCalledPresent = (pair: ScoredPair): boolean =>
    rule === 'presence' ? pair.predicted_present === 1 : pair.predicted_volume_ml > threshold
  const isRight = (pair: ScoredPair): number => Number(isCalledPresent(pair) === (pair.present === 1))
  const absent = pairs.filter(({ present }) => present === 0)
  const present = pairs.filter(pair => pair.present === 1)
  const scored = pairs.map(pair => ({
    score: rule === 'presence' ? pair.presence_probability! : pair.predicted_volume_ml,
    positive: pair.present === 1,
  }))
  return {
    absent: absent.length,
    present: present.length,
    accuracy: mean(pairs.map(isRight)),
    sensitivity: mean(absent.map(isRight)),
    specificity: mean(present.map(isRight)),
    auc: rocAuc(scored),
    false_volume_ml: mean(absent.map(({ predicted_volume_ml }) => predicted_volume_ml)),
    ...(rule === 'volume > best' && { threshold_ml: threshold }),
  }
}

/** The volume above which a structure counts as present, for the best mean of sensitivity and specificity; the least of equals. */
function bestThreshold(pairs: readonly ScoredPair[]): number {
  const right = (of: 0 | 1, threshold: number): number => {
    const ofState = pairs.filter(({ present }) => present === of)
    return mean(ofState.map(pair => Number(Number(pair.predicted_volume_ml > threshold) === of))) ?? 0
  }
  const balanced = (threshold: number): number => right(0, threshold) + right(1, threshold)
  const candidates = [...new Set([0, ...pairs.map(pair => pair.predicted_volume_ml)])].sort((a, b) => a - b)
  return candidates.reduce((best, each) => (balanced(each) > balanced(best) ? each : best))
}

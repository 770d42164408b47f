/** The numbers of positives and negatives with the same score. */
interface Tie {
  positives: number
  negatives: number
}

/** A score and whether it belongs to a positive. */
export interface Scored {
  score: number
  positive: boolean
}

/** From the highest score down. */
function tiesOf(scored: readonly Scored[]): Tie[] {
  const ties: Tie[] = []
  let last: number | undefined
  for (const { score, positive } of scored.toSorted((a, b) => b.score - a.score)) {
    if (score !== last) ties.push({ positives: 0, negatives: 0 })
    last = score
    if (positive) ties.at(-1)!.positives++
    else ties.at(-1)!.negatives++
  }
  return ties
}

function hasBoth(scored: readonly Scored[]): boolean {
  return scored.some(({ positive }) => positive) && scored.some(({ positive }) => !positive)
}

/**
 * Area under the ROC curve by the trapezoidal rule: the probability that a positive scores above a negative, with ties counted half
 * (scikit-learn's roc_auc_score). null unless there are positives and negatives.
 */
export function rocAuc(scored: readonly Scored[]): number | null {
  if (!hasBoth(scored)) return null
  let area = 0 // positive-negative pairs in the right order
  let above = 0 // positives with a higher score
  let negatives = 0
  for (const tie of tiesOf(scored)) {
    area += tie.negatives * (above + tie.positives / 2)
    above += tie.positives
    negatives += tie.negatives
  }
  return area / (above * negatives)
}

/**
 * Average precision Σ (Rₙ − Rₙ₋₁)·Pₙ over the distinct scores from the highest down, without interpolation (scikit-learn's
 * average_precision_score). null unless there are positives and negatives.
 */
export function averagePrecision(scored: readonly Scored[]): number | null {
  if (!hasBoth(scored)) return null
  let sum = 0
  let positives = 0
  let seen = 0
  for (const tie of tiesOf(scored)) {
    positives += tie.positives
    seen += tie.positives + tie.negatives
    sum += (tie.positives * positives) / seen
  }
  return sum / positives
}

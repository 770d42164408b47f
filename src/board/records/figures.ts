import type { RecordMetrics } from './metrics.ts'

/** Figures of a record's metrics, kept when the metrics themselves are forgotten. */
export interface Figures {
  epochs?: number
  bestLoss?: number
  bestDice?: number
}

/** Loss and Dice by the names of this program, or the first that other programs of Sacred may mean. */
const LOSSES = [/^val\.epoch\.total_loss$/, /^val\w*[._/ ]?(?:epoch[._/ ])?(?:total_)?loss$/i, /loss$/i]
const DICES = [/^val\.epoch\.hard_dice$/, /^val\.epoch\.mean_dice$/, /^val.*dice$/i, /dice$/i]

export function figuresOf({ all }: RecordMetrics): Figures {
  const names = [...all.keys()]
  const best = (patterns: readonly RegExp[], better: (a: number, b: number) => boolean): number | undefined => {
    const name = patterns.flatMap(pattern => names.filter(each => pattern.test(each)))[0]
    let found: number | undefined
    for (const value of name === undefined ? [] : all.get(name)!.values.numbers)
      if (Number.isFinite(value) && (found === undefined || better(value, found))) found = value
    return found
  }
  const bestLoss = best(LOSSES, (a, b) => a < b)
  const bestDice = best(DICES, (a, b) => a > b)
  const epochs = all.get('train.epoch.total_loss')?.steps.numbers.at(-1)
  return {
    ...(epochs !== undefined && { epochs: epochs + 1 }),
    ...(bestLoss !== undefined && { bestLoss }),
    ...(bestDice !== undefined && { bestDice }),
  }
}

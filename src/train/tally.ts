import { type BatchResult, pairsOf, TERMS, type TermName, type Terms } from '../run/batch_result.ts'

/** Sum and count. */
type MeanState = [number, number]

/** A tally as stored in checkpoints. Resuming from it gives the same bits. */
export interface TallyState {
  terms: MeanState[]
  accuracy: MeanState
  soft: MeanState
  accuracyOf: MeanState[]
  softOf: MeanState[]
  hardOf: MeanState[]
}

/** A running mean. */
class Mean {
  private sum: number
  private count: number

  constructor([sum, count]: MeanState = [0, 0]) {
    this.sum = sum
    this.count = count
  }

  get state(): MeanState {
    return [this.sum, this.count]
  }

  add(value: number): void {
    this.sum += value
    this.count++
  }

  /** undefined if nothing was added */
  get value(): number | undefined {
    return this.count ? this.sum / this.count : undefined
  }
}

/** Metrics of an epoch: means over batches for the loss, over known or present pairs for the others. */
export class Tally {
  private readonly structures: number
  private readonly threshold: number
  private readonly terms: Map<TermName, Mean>
  private readonly accuracy: Mean
  private readonly soft: Mean
  private readonly accuracyOf: Mean[]
  private readonly softOf: Mean[]
  private readonly hardOf: Mean[]

  /** `threshold`: presence_threshold. `from`: the tally to continue. */
  constructor(structures: number, threshold: number, from?: TallyState) {
    this.structures = structures
    this.threshold = threshold
    const means = (states?: MeanState[]): Mean[] => Array.from({ length: structures }, (_, s) => new Mean(states?.[s]))
    this.terms = new Map(TERMS.map((name, i) => [name, new Mean(from?.terms[i])]))
    this.accuracy = new Mean(from?.accuracy)
    this.soft = new Mean(from?.soft)
    this.accuracyOf = means(from?.accuracyOf)
    this.softOf = means(from?.softOf)
    this.hardOf = means(from?.hardOf)
  }

  get state(): TallyState {
    const states = (means: Mean[]): MeanState[] => means.map(({ state }) => state)
    const { terms, accuracy, soft, accuracyOf, softOf, hardOf } = this
    return {
      terms: states([...terms.values()]),
      accuracy: accuracy.state,
      soft: soft.state,
      accuracyOf: states(accuracyOf),
      softOf: states(softOf),
      hardOf: states(hardOf),
    }
  }

  add(batch: BatchResult): void {
    for (const name of TERMS) this.terms.get(name)!.add(batch.terms[name])
    for (const { structure, present, probability, softDice, hardDice } of pairsOf(batch, this.structures)) {
      // a presence that is not a number is neither right nor wrong
      const right = Number.isNaN(probability) ? Number.NaN : Number(probability > this.threshold === present)
      this.accuracy.add(right)
      this.accuracyOf[structure]!.add(right)
      if (!present) continue
      this.soft.add(softDice)
      this.softOf[structure]!.add(softDice)
      this.hardOf[structure]!.add(hardDice)
    }
  }

  /** Means over the batches so far. NaN before the first. */
  get loss(): Terms {
    return Object.fromEntries(TERMS.map(name => [name, this.terms.get(name)!.value ?? Number.NaN])) as Terms
  }

  /** fraction of known pairs whose presence is predicted correctly; undefined without any */
  get presenceAccuracy(): number | undefined {
    return this.accuracy.value
  }

  /** soft Dice, mean over present pairs; undefined without any */
  get meanDice(): number | undefined {
    return this.soft.value
  }

  /** Dice at threshold 0.5: mean over the present pairs of each structure, then over structures with such pairs; undefined without any */
  get hardDice(): number | undefined {
    const known = this.hardOf.map(({ value }) => value).filter(value => value !== undefined)
    return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : undefined
  }

  /** Presence accuracy and soft Dice of a structure; undefined without pairs. */
  ofStructure(structure: number): { presenceAccuracy: number | undefined; dice: number | undefined } {
    return { presenceAccuracy: this.accuracyOf[structure]!.value, dice: this.softOf[structure]!.value }
  }
}

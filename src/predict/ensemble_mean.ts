import { type ImageSize, sizeOf } from '../util/shape.ts'
import { MaskVotes } from './mask_votes.ts'
import type { Agreement, ResultVolume, SubjectPrediction, VolumeName } from './subject_prediction.ts'
import { VolumeStore } from './volume_store.ts'

export interface EnsembleOptions {
  models: number
  structures: number
  names: readonly VolumeName[]
  /** also the standard deviation of the probabilities over the models */
  hasUncertainty: boolean
  /** path of the temporary file for the volumes of a subject that are larger than `memoryLimit` bytes */
  scratch: (name: string) => string
  memoryLimit: number
}

/** Averages what the models of an ensemble predict, subject by subject. The prediction of a single model stays what it is. */
export class EnsembleMean {
  private readonly options: EnsembleOptions
  /** those that not all models have predicted yet, by index */
  private readonly subjects = new Map<number, SubjectMean>()

  constructor(options: EnsembleOptions) {
    this.options = options
  }

  /**
   * Takes the next model's prediction of subject `index`, on a grid of `size`. After that of the last model, passes their mean to `use` and
   * forgets the subject.
   */
  add(index: number, size: ImageSize, prediction: SubjectPrediction, use: (mean: SubjectPrediction) => void): void {
    if (this.options.models === 1) {
      use(prediction)
      return
    }
    const subject = this.subjects.get(index) ?? new SubjectMean(index, size, this.options)
    this.subjects.set(index, subject)
    subject.add(prediction)
    if (!subject.isComplete) return
    try {
      use(subject.mean())
    } finally {
      this.forget(index)
    }
  }

  forget(index: number): void {
    this.subjects.get(index)?.close()
    this.subjects.delete(index)
  }

  /** Removes temporary files. */
  close(): void {
    for (const index of [...this.subjects.keys()]) this.forget(index)
  }
}

/** The sums over the models that have predicted a subject so far. */
class SubjectMean {
  private readonly options: EnsembleOptions
  private readonly sums = new Map<VolumeName, VolumeStore>()
  /** Σ (p − mean)² of the probabilities; undefined if nobody asks for it */
  private readonly squares: VolumeStore | undefined
  private readonly votes: MaskVotes
  private readonly presences: ArrayLike<number>[] = []

  constructor(index: number, size: ImageSize, options: EnsembleOptions) {
    const { structures, scratch, memoryLimit } = options
    const store = (name: string): VolumeStore =>
      new VolumeStore(structures, size, scratch(`${name} of ${index}`), memoryLimit)
    this.options = options
    for (const name of options.names) this.sums.set(name, store(`sum of ${name}`))
    this.squares = options.hasUncertainty ? store('squares') : undefined
    this.votes = new MaskVotes(structures, sizeOf(size))
  }

  get isComplete(): boolean {
    return this.presences.length === this.options.models
  }

  add({ presence, volume }: SubjectPrediction): void {
    const earlier = this.presences.length
    for (let s = 0; s < this.options.structures; s++) {
      const probabilities = volume('segmentation_probs', s)
      this.votes.add(s, probabilities)
      this.addSquares(s, probabilities, earlier)
      for (const [name, store] of this.sums) store.update(s, sums => addTo(sums, volume(name, s)))
    }
    this.presences.push(Float32Array.from(presence))
  }

  /** Turns the sums into means. Call it once, after the last model. */
  mean(): SubjectPrediction {
    const { models, structures } = this.options
    const root = (squares: Float32Array): void => {
      for (let v = 0; v < squares.length; v++) squares[v] = Math.sqrt(squares[v]! / models)
    }
    for (let s = 0; s < structures; s++) {
      for (const store of this.sums.values()) store.update(s, sums => divide(sums, models))
      this.squares?.update(s, root)
    }
    const presence = new Float32Array(structures)
    for (const each of this.presences) addTo(presence, each)
    divide(presence, models)
    return { presence, volume: (name, s) => this.storeOf(name).volume(s), agreement: this.agreement() }
  }

  close(): void {
    for (const store of this.sums.values()) store.close()
    this.squares?.close()
  }

  private storeOf(name: ResultVolume): VolumeStore {
    return name === 'uncertainty' ? this.squares! : this.sums.get(name)!
  }

  /** Welford's update, before this model's probabilities are in the sums. */
  private addSquares(s: number, probabilities: Float32Array, earlier: number): void {
    if (earlier === 0) return
    const sums = this.squares && this.sums.get('segmentation_probs')!.volume(s)
    this.squares?.update(s, squares => {
      for (let v = 0; v < squares.length; v++) {
        const p = probabilities[v]!
        const sum = sums![v]!
        squares[v]! += (p - sum / earlier) * (p - (sum + p) / (earlier + 1))
      }
    })
  }

  private agreement(): Agreement[] {
    return Array.from({ length: this.options.structures }, (_, s) => ({
      presenceDeviation: deviation(this.presences.map(presence => presence[s]!)),
      pairwiseDice: this.votes.pairwiseDice(s),
    }))
  }
}

/** In float32 and in the order of the models, as the adapter adds. */
function addTo(sums: Float32Array, values: ArrayLike<number>): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += values[i]!
}

function divide(sums: Float32Array, by: number): void {
  for (let i = 0; i < sums.length; i++) sums[i]! /= by
}

/** Of the values themselves, not of a population that they are a sample of. */
function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
}

import type { Json } from '../config/json.ts'
import type { Series } from './metrics.ts'
import type { Artifact, Observer, RunEnd } from './observer.ts'

const BETWEEN_HEARTBEATS = 10 // seconds, as Sacred; boards take a run for dead after 120

/** What is told of a run, handed to everything that observes it. */
export class RunRecord {
  /** Number of the run in its first record; null when unobserved. */
  readonly id: number | null
  /** Where the records are. */
  readonly places: readonly string[]
  private readonly observers: readonly Observer[]
  private readonly heart: NodeJS.Timeout
  private readonly making = new Set<Promise<void>>()

  /**
   * Observers are finished in the order given: one that makes artifacts of what it hears stands before those that keep them.
   * `beatSeconds`: between two heartbeats.
   */
  constructor(id: number | null, observers: readonly Observer[], beatSeconds = BETWEEN_HEARTBEATS) {
    this.id = id
    this.places = observers.map(({ place }) => place).filter(place => place !== undefined)
    this.observers = observers
    this.heart = setInterval(() => this.tell(observer => observer.beat(Date.now())), beatSeconds * 1000).unref()
  }

  log(name: string, value: number, step: number): void {
    const point = { name, value, step, time: Date.now() }
    this.tell(observer => observer.log(point))
  }

  adopt(earlier: ReadonlyMap<string, Series>): void {
    this.tell(observer => observer.adopt(earlier))
  }

  setInfo(key: string, value: Json): void {
    this.tell(observer => observer.setInfo(key, value))
  }

  capture(text: string): void {
    this.tell(observer => observer.capture(text))
  }

  keep(artifact: Artifact): void {
    this.tell(observer => observer.keep(artifact))
  }

  /** Keeps what is made behind the training, as soon as it is made; undefined where that failed, which its maker tells. Must not reject. */
  keepOnceMade(artifact: Promise<Artifact | undefined>): void {
    const kept = artifact.then(made => {
      if (made) this.keep(made)
      this.making.delete(kept)
    })
    this.making.add(kept)
  }

  /** Waits for what is being made, then closes every record; resolves once all is kept. */
  async finish(end: RunEnd): Promise<void> {
    clearInterval(this.heart)
    await Promise.all(this.making)
    for (const observer of this.observers) await observer.finish(end)
  }

  private tell(say: (observer: Observer) => void): void {
    for (const observer of this.observers) say(observer)
  }
}

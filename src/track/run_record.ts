import type { Json } from '../config/json.ts'
import type { Series } from './metrics.ts'
import type { Artifact, Observer, RunEnd } from './observer.ts'

const BETWEEN_HEARTBEATS = 10 // seconds, as in Sacred; boards consider a run dead after 120

/** The record of a run: passes every event to all observers. */
export class RunRecord {
  /** Number of the run in its run directory; null without one. */
  readonly id: number | null
  /** Where the user finds the records. */
  readonly places: readonly string[]
  private readonly observers: readonly Observer[]
  private readonly heart: NodeJS.Timeout
  private readonly making = new Set<Promise<void>>()

  /**
   * Observers finish in the given order: one that makes artifacts must precede those that keep them.
   * `beatSeconds`: interval between heartbeats.
   */
  constructor(id: number | null, observers: readonly Observer[], beatSeconds = BETWEEN_HEARTBEATS) {
    this.id = id
    this.places = observers.map(({ place }) => place).filter(place => place !== undefined)
    this.observers = observers
    this.heart = setInterval(() => this.notify(observer => observer.beat(Date.now())), beatSeconds * 1000).unref()
  }

  log(name: string, value: number, step: number): void {
    const point = { name, value, step, time: Date.now() }
    this.notify(observer => observer.log(point))
  }

  adopt(earlier: ReadonlyMap<string, Series>): void {
    this.notify(observer => observer.adopt(earlier))
  }

  setInfo(key: string, value: Json): void {
    this.notify(observer => observer.setInfo(key, value))
  }

  capture(text: string): void {
    this.notify(observer => observer.capture(text))
  }

  keep(artifact: Artifact): void {
    this.notify(observer => observer.keep(artifact))
  }

  /** Keeps an artifact that is made in the background; undefined if that failed, which its maker reports. Must not reject. */
  keepOnceMade(artifact: Promise<Artifact | undefined>): void {
    const kept = artifact.then(made => {
      if (made) this.keep(made)
      this.making.delete(kept)
    })
    this.making.add(kept)
  }

  /** Waits for artifacts in the making, then finishes every observer. Resolves once everything is stored. */
  async finish(end: RunEnd): Promise<void> {
    clearInterval(this.heart)
    await Promise.all(this.making)
    for (const observer of this.observers) await observer.finish(end)
  }

  private notify(act: (observer: Observer) => void): void {
    for (const observer of this.observers) act(observer)
  }
}

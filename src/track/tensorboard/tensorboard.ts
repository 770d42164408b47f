import { appendFileSync, mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { type JsonObject, sortedJson } from '../../config/json.ts'
import { InputError } from '../../util/error.ts'
import type { Series } from '../metrics.ts'
import type { Artifact, Observer, Point } from '../observer.ts'
import { reasonOf } from '../run_files.ts'
import { millisecondsOf } from '../time.ts'
import { imageEvent, scalarEvent, textEvent, versionEvent } from './event.ts'
import { tfRecord } from './tfrecord.ts'

const BETWEEN_WRITES = 1000 // milliseconds; a kill loses what was told since

export interface TensorBoardRequest {
  /** Folder of all runs: what `tensorboard --logdir` is given. */
  base: string
  /** Number of the run; null takes the time. */
  id: number | null
  /** Shown as a text. */
  config: JsonObject
  /** Gets the one line said when the events cannot be written. */
  warn: (line: string) => void
}

/** Writes a run as an event file of TensorBoard: metrics as scalars, PNG artifacts as images, the configuration as a text. */
export class TensorBoard implements Observer {
  /** The run's folder. */
  readonly place: string
  private readonly file: string
  private readonly warn: (line: string) => void
  private waiting: Buffer[] = []
  private timer: NodeJS.Timeout | undefined
  private isOpen = true

  /** Makes the run's folder and writes what is known from the start. */
  constructor({ base, id, config, warn }: TensorBoardRequest) {
    const now = Date.now()
    this.warn = warn
    this.place = this.attempt(base, () => makeRunFolder(base, now, id)) ?? resolve(base)
    const host = hostname().replace(/[^\w.-]/g, '_') || 'host'
    const seconds = String(Math.floor(now / 1000)).padStart(10, '0')
    this.file = join(this.place, `events.out.tfevents.${seconds}.${host}.${process.pid}.0`)
    this.add(versionEvent(now))
    this.add(textEvent('configuration', `\`\`\`json\n${sortedJson(config)}\n\`\`\``, 0, now))
    this.write()
  }

  log({ name, value, step, time }: Point): void {
    this.add(scalarEvent(tagOf(name), value, step, time))
  }

  adopt(earlier: ReadonlyMap<string, Series>): void {
    for (const [name, { steps, timestamps, values }] of earlier)
      for (const [i, step] of steps.entries())
        this.add(scalarEvent(tagOf(name), values[i] ?? Number.NaN, step, millisecondsOf(timestamps[i]!)))
    this.write()
  }

  /** Nothing of it is for curves. */
  setInfo(): void {}

  /** The console's output stands in other records. */
  capture(): void {}

  /** Of artifacts, pictures are kept. */
  keep(artifact: Artifact): void {
    if (!('bytes' in artifact) || !artifact.name.endsWith('.png')) return
    const { name, bytes, step = 0 } = artifact
    this.add(imageEvent(name.slice(0, -'.png'.length), bytes, step, Date.now()))
  }

  beat(): void {
    this.write()
  }

  async finish(): Promise<void> {
    this.write()
    this.isOpen = false
  }

  private add(event: Buffer): void {
    if (!this.isOpen) return
    this.waiting.push(tfRecord(event))
    this.timer ??= setTimeout(() => this.write(), BETWEEN_WRITES).unref()
  }

  /** A record that was cut short would hide all behind it, so nothing is written after a failure. */
  private write(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    const records = Buffer.concat(this.waiting)
    this.waiting = []
    if (records.length > 0) this.attempt(this.file, () => appendFileSync(this.file, records))
  }

  /** Undefined, after the one warning, if it threw. */
  private attempt<T>(path: string, action: () => T): T | undefined {
    try {
      return action()
    } catch (error) {
      this.isOpen = false
      this.warn(`cannot write ${path}: ${reasonOf(error)}; TensorBoard gets no more of this run`)
      return undefined
    }
  }
}

/** TensorBoard groups tags by what stands before a slash: `train.batch.dice` becomes `train.batch/dice`, `final.mean_dice` `final/mean_dice`. */
export function tagOf(name: string): string {
  const [, group, rest] = /^([^.]+(?:\.[^.]+(?=\.))?)\.(.+)$/s.exec(name) ?? []
  return group === undefined ? name : `${group}/${rest}`
}

/** Makes the folder of all runs. Throws InputError if there can be none. */
export function makeTensorBoardFolder(base: string): void {
  try {
    mkdirSync(base, { recursive: true })
  } catch (error) {
    throw new InputError(`${base}: ${reasonOf(error)}, expected a folder for TensorBoard`)
  }
}

/** A folder that no other run has: with -2, -3, … behind its name where there is one already. */
function makeRunFolder(base: string, now: number, id: number | null): string {
  const name = id === null ? new Date(now).toISOString().replaceAll(':', '-') : String(id)
  for (let copy = 1; ; copy++) {
    const path = join(resolve(base), copy === 1 ? name : `${name}-${copy}`)
    try {
      mkdirSync(path)
      return path
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

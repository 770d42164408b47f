import { appendFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { type JsonObject, sortedJson } from '../../config/json.ts'
import { makeFolder } from '../../util/files/folder.ts'
import type { Series } from '../metrics.ts'
import type { Artifact, Observer, Point } from '../observer.ts'
import { makeNewFolder, reasonOf } from '../run_files.ts'
import { millisecondsOf } from '../time.ts'
import { imageEvent, scalarEvent, textEvent, versionEvent } from './event.ts'
import { tfRecord } from './tfrecord.ts'

const BETWEEN_WRITES = 1000 // milliseconds; a kill loses the events since the last write

export interface TensorBoardRequest {
  /** Folder of all runs, for `tensorboard --logdir`. */
  base: string
  /** Number of the run; null names the folder by the time. */
  id: number | null
  /** Written as a text event. */
  config: JsonObject
  /** Receives one line if the events cannot be written. */
  warn: (line: string) => void
}

/** Writes a run as a TensorBoard event file: metrics as scalars, PNG artifacts as images, the configuration as text. */
export class TensorBoard implements Observer {
  /** The run's folder. */
  readonly place: string
  private readonly file: string
  private readonly warn: (line: string) => void
  private waiting: Buffer[] = []
  private timer: NodeJS.Timeout | undefined
  private isOpen = true

  /** Makes the run's folder and writes its first events. */
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

  /** TensorBoard has no place for it. */
  setInfo(): void {}

  /** Other records keep the console output. */
  capture(): void {}

  /** Keeps PNG pictures only. */
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

  /** A truncated record would hide everything after it, so a failure ends the file. */
  private write(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    const records = Buffer.concat(this.waiting)
    this.waiting = []
    if (records.length > 0) this.attempt(this.file, () => appendFileSync(this.file, records))
  }

  /** Returns undefined if the action threw, after a warning; nothing is written from then on. */
  private attempt<T>(path: string, action: () => T): T | undefined {
    try {
      return action()
    } catch (error) {
      this.isOpen = false
      this.warn(`cannot write ${path}: ${reasonOf(error)}; no more TensorBoard events of this run are written`)
      return undefined
    }
  }
}

/** TensorBoard groups tags by the part before the slash: `train.batch.dice` becomes `train.batch/dice`, `final.mean_dice` `final/mean_dice`. */
export function tagOf(name: string): string {
  const [, group, rest] = /^([^.]+(?:\.[^.]+(?=\.))?)\.(.+)$/s.exec(name) ?? []
  return group === undefined ? name : `${group}/${rest}`
}

/** Makes the folder of all runs. Throws an InputError if that is impossible. */
export function makeTensorBoardFolder(base: string): void {
  makeFolder(base, 'a folder for TensorBoard')
}

/** Makes a new folder, with the suffix -2, -3, … if the name is taken. */
function makeRunFolder(base: string, now: number, id: number | null): string {
  const name = id === null ? new Date(now).toISOString().replaceAll(':', '-') : String(id)
  for (let copy = 1; ; copy++) {
    const path = join(resolve(base), copy === 1 ? name : `${name}-${copy}`)
    if (makeNewFolder(path)) return path
  }
}

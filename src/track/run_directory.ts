import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Json, type JsonObject, sortedJson } from '../config/json.ts'
import { InputError } from '../util/error.ts'
import { makeFolders } from '../util/files/folder.ts'
import { describeRun, traceOf } from './description.ts'
import { artifactFileName, holdArtifact, keepSource } from './kept_files.ts'
import { Metrics, type Series } from './metrics.ts'
import type { Artifact, Observer, Point, RunEnd, RunStart } from './observer.ts'
import { keepPicture } from './picture_history.ts'
import { makeNewFolder, RunFiles, reasonOf } from './run_files.ts'
import { sacredTime } from './time.ts'

export interface RunRequest extends RunStart {
  /** Folder of all runs, e.g. `sacred_runs`. */
  base: string
  /** Number of the run; by default one above the highest. */
  id?: number
  /** Receives one line if the record cannot be written. */
  warn: (line: string) => void
}

/** The record of one run as files, in the layout that Sacred's readers expect. */
export class RunDirectory implements Observer {
  readonly id: number
  readonly path: string
  readonly metrics: Metrics
  private readonly files: RunFiles
  private readonly run: JsonObject
  private readonly info: JsonObject = {}
  private keeping: Promise<void> = Promise.resolve()
  private artifacts = 0

  /**
   * Makes a run directory and writes its first files. Returns undefined, after a warning, if the disk is full. Throws an InputError if
   * `base` cannot hold runs, or has a run of this number already.
   */
  static create(request: RunRequest): RunDirectory | undefined {
    let id: number
    try {
      id = request.id === undefined ? allocateId(request.base) : takeId(request.base, request.id)
    } catch (error) {
      if (error instanceof InputError) throw error
      const isDiskFull = ['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')
      if (!isDiskFull) throw new InputError(`${request.base}: ${reasonOf(error)}, expected a folder to record runs in`)
      request.warn(`cannot write ${request.base}: ${reasonOf(error)}; the run is not recorded`)
      return undefined
    }
    return new RunDirectory(request, id)
  }

  private constructor(request: RunRequest, id: number) {
    this.id = id
    this.path = join(resolve(request.base), String(id))
    this.files = new RunFiles(this.path, request.warn)
    this.run = firstRecord(request, this.files)
    this.files.replace('config.json', sortedJson(request.config))
    this.files.replace('info.json', '{}')
    this.files.replace('cout.txt', '')
    this.metrics = new Metrics(this.files)
    this.writeRun()
  }

  get place(): string {
    return this.path
  }

  log({ name, value, step, time }: Point): void {
    this.metrics.log(name, value, step, time)
  }

  adopt(earlier: ReadonlyMap<string, Series>): void {
    this.metrics.adopt(earlier)
  }

  /** Sets an entry of info.json, e.g. resumed_from. */
  setInfo(key: string, value: Json): void {
    this.info[key] = value
    this.files.replace('info.json', sortedJson(this.info))
  }

  /** Adds console output to cout.txt. */
  capture(text: string): void {
    this.files.append(join(this.path, 'cout.txt'), text)
  }

  /** Copies an artifact into the run directory. */
  keep(artifact: Artifact): void {
    const name = artifactFileName(artifact.name)
    const partial = join(this.files.hidden, `artifact.${this.artifacts++}`)
    const write = holdArtifact(artifact, partial)
    this.keeping = this.keeping.then(async () => {
      if ('bytes' in artifact && artifact.isHistory && artifact.step !== undefined)
        keepPicture(this.files, name, artifact.step, artifact.bytes)
      const names = this.run.artifacts as string[]
      if (!(await this.files.settle(name, partial, write)) || names.includes(name)) return
      names.push(name)
      this.writeRun()
    })
  }

  beat(time: number): void {
    this.run.heartbeat = sacredTime(time)
    this.run.stop_time = this.run.heartbeat
    this.metrics.foldWhenDue()
    this.writeRun()
  }

  async finish({ status, result, error }: RunEnd): Promise<void> {
    const now = sacredTime(Date.now())
    Object.assign(this.run, { status, heartbeat: now, stop_time: now, result: result ?? null })
    if (status === 'FAILED') this.run.fail_trace = traceOf(error)
    await this.keeping
    const isWhole = await this.metrics.close()
    this.writeRun()
    if (isWhole) this.files.clean()
  }

  private writeRun(): void {
    this.files.replace('run.json', sortedJson(this.run))
  }
}

/** Makes the directory of the next id, one above the highest. Runs that start at once get different ids. */
function allocateId(base: string): number {
  makeFolders(base)
  for (;;) {
    const ids = readdirSync(base).filter(name => /^\d{1,15}$/.test(name))
    const id = Math.max(0, ...ids.map(Number)) + 1
    if (makeNewFolder(join(base, String(id)))) return id
  }
}

function takeId(base: string, id: number): number {
  const path = join(base, String(id))
  makeFolders(base)
  if (!makeNewFolder(path)) throw new InputError(`${path}: already exists, expected the number of a new run`)
  return id
}

/**
 * run.json of a run that has just started. sacredboard shows no run at all if one lacks a time, so a live run has a stop_time too: its
 * last heartbeat. Only its status says that it is running.
 */
function firstRecord(request: RunRequest, files: RunFiles): JsonObject {
  const now = sacredTime(Date.now())
  const { sources = [], resources = [] } = request
  const described = describeRun(request)
  return {
    ...described,
    experiment: {
      ...described.experiment,
      sources: sources.flatMap(path => {
        const source = keepSource(files, path)
        return source ? [source] : []
      }),
    },
    start_time: now,
    heartbeat: now,
    stop_time: now,
    status: 'RUNNING',
    result: null,
    resources: resources.map(path => [path, path]),
    artifacts: [],
  }
}

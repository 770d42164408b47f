import { mkdirSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Json, type JsonObject, sortedJson } from '../config/json.ts'
import { InputError } from '../util/error.ts'
import { describeRun, traceOf } from './description.ts'
import { artifactFileName, holdArtifact, keepSource } from './kept_files.ts'
import { Metrics, type Series } from './metrics.ts'
import type { Artifact, Observer, Point, RunEnd, RunStart } from './observer.ts'
import { RunFiles, reasonOf } from './run_files.ts'
import { sacredTime } from './time.ts'

export interface RunRequest extends RunStart {
  /** Folder of all runs, e.g. `sacred_runs`. */
  base: string
  /** Number of the run; without it one above the highest. */
  id?: number
  /** Gets the one line said when the record cannot be written. */
  warn: (line: string) => void
}

/** The record of one run, in the files that Sacred's readers expect. */
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
   * Makes the next run directory and writes its first files. Undefined, after a warning, if the disk has no room for it.
   * Throws InputError if `base` cannot be a folder of runs, or has one of that number already.
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

  /** Puts a copy into the run's directory. */
  keep(artifact: Artifact): void {
    const name = artifactFileName(artifact.name)
    const partial = join(this.files.hidden, `artifact.${this.artifacts++}`)
    const write = holdArtifact(artifact, partial)
    this.keeping = this.keeping.then(async () => {
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

/** Makes the directory of the next id: one above the highest. mkdir decides between runs that start at once. */
function allocateId(base: string): number {
  mkdirSync(base, { recursive: true })
  for (;;) {
    const ids = readdirSync(base).filter(name => /^\d{1,15}$/.test(name))
    const id = Math.max(0, ...ids.map(Number)) + 1
    try {
      mkdirSync(join(base, String(id)))
      return id
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

function takeId(base: string, id: number): number {
  const path = join(base, String(id))
  mkdirSync(base, { recursive: true })
  try {
    mkdirSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new InputError(`${path}: is there already, expected the number of a new run`)
  }
  return id
}

/**
 * run.json of a run that has just started. sacredboard shows no run at all where one lacks a time, so a run that goes on has a
 * stop_time too: that of its last heartbeat. Its status is what says that it runs.
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

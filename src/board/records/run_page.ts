import fs from 'node:fs'
import { dirname, join } from 'node:path'
import { isJsonObject, type Json, type JsonObject } from '../../config/json.ts'
import { leavesOf } from '../../config/load.ts'
import { defaultConfig } from '../../config/schema.ts'
import { withInput } from '../../util/files/input_file.ts'
import type { RunPage, ShownSetting } from '../wire/run.ts'
import { listPictures, listRecordFiles, ownFile } from './own_files.ts'
import type { RunRecordReader } from './record.ts'

const CONSOLE_TAIL = 32 * 2 ** 10 // bytes
const EPOCHS_OF_PACE = 5

/** Everything about a run but its metrics. */
export function runPageOf(run: RunRecordReader): RunPage {
  const { 'run.json': record, 'info.json': info } = run.content
  const resumedFrom = resumedFromOf(run.id, info)
  const expectedEnd = expectedEndOf(run)
  const batches = batchesOf(run)
  return {
    row: run.row,
    ...(typeof record.command === 'string' && { command: record.command }),
    settings: settingsOf(run),
    host: [...hostOf(record), ...infoOf(info)],
    artifacts: listRecordFiles(run.path),
    pictures: listPictures(run.path),
    ...(resumedFrom && { resumedFrom }),
    trace: linesOf(record.fail_trace),
    console: tailOf(run.path, 'cout.txt'),
    ...(record.result !== null &&
      record.result !== undefined && {
        result: typeof record.result === 'number' ? record.result : textOf(record.result),
      }),
    ...(batches && { batches }),
    ...(expectedEnd !== undefined && { expectedEnd }),
  }
}

/** The run beside this one that it continues. */
export function resumedFromOf(id: string, info: JsonObject): RunPage['resumedFrom'] {
  const from = info.resumed_from
  if (!isJsonObject(from)) return undefined
  const { run, epoch, step } = from
  if (typeof run !== 'number' || typeof epoch !== 'number' || typeof step !== 'number') return undefined
  return { id: `${dirname(id)}/${run}`, epoch, step }
}

function settingsOf(run: RunRecordReader): ShownSetting[] {
  const defaults = new Map<string, Json>(leavesOf(JSON.parse(JSON.stringify(defaultConfig())) as JsonObject))
  const isOurs = isJsonObject(run.content['run.json'].experiment) && 'program' in run.content['run.json'].experiment
  return [...run.settings]
    .map(([key, value]): ShownSetting => {
      const known = isOurs ? defaults.get(key) : undefined
      if (known === undefined) return { key, value }
      const shown = typeof known === 'object' && known !== null ? JSON.stringify(known) : known
      return shown === value ? { key, value } : { key, value, default: shown }
    })
    .sort((a, b) => (a.key < b.key ? -1 : 1))
}

function hostOf({ host, experiment }: JsonObject): [string, string][] {
  const facts: [string, Json | undefined][] = []
  if (isJsonObject(host)) {
    const { hostname, os, cpu, gpus, node_version, python_version, ENV } = host
    facts.push(['host', hostname], ['system', Array.isArray(os) ? os.at(-1) : os], ['cpu', cpu])
    const adapters = isJsonObject(gpus) && Array.isArray(gpus.gpus) ? gpus.gpus : []
    for (const adapter of adapters) if (isJsonObject(adapter)) facts.push(['adapter', adapter.model])
    if (isJsonObject(gpus)) facts.push(['driver', gpus.driver_version])
    facts.push(node_version === undefined ? ['Python', python_version] : ['Node', node_version])
    if (isJsonObject(ENV)) for (const [name, value] of Object.entries(ENV)) facts.push([name, value])
  }
  if (isJsonObject(experiment)) {
    const { program, repositories, mainfile } = experiment
    if (isJsonObject(program)) facts.push(['sadaan-gpu', program.version])
    facts.push(['main file', mainfile])
    for (const each of Array.isArray(repositories) ? repositories : [])
      if (isJsonObject(each)) facts.push(['commit', `${each.commit}${each.dirty ? ', with changes' : ''}`])
  }
  return shown(facts)
}

function infoOf(info: JsonObject): [string, string][] {
  const { pretrained, variants } = info
  return shown([
    ['weights from', isJsonObject(pretrained) ? pretrained.path : undefined],
    ['kernel variants', isJsonObject(variants) ? variants.digest : undefined],
  ])
}

function shown(facts: readonly [string, Json | undefined][]): [string, string][] {
  return facts.flatMap(([name, value]) => (value === undefined || value === null ? [] : [[name, textOf(value)]]))
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function linesOf(trace: Json | undefined): string[] {
  return Array.isArray(trace) ? trace.flatMap(line => (typeof line === 'string' ? [line.replace(/\n$/, '')] : [])) : []
}

/** Batches of a live run: those of its epochs ended before the epoch's figures were logged. */
function batchesOf(run: RunRecordReader): RunPage['batches'] {
  if (!run.isLive) return undefined
  const { all } = run.metrics()
  const batch = all.get('train.batch.total')
  const last = batch?.steps.numbers.at(-1)
  if (!batch || last === undefined) return undefined
  const done = last + 1
  const ends = all.get('train.epoch.total_loss')
  const [epochs, ended] = [ends?.steps.numbers.at(-1), ends?.times.numbers.at(-1)]
  if (epochs === undefined || ended === undefined) return { done }
  const at = batch.times.numbers.findLastIndex(time => time <= ended)
  return at < 0 ? { done } : { done, perEpoch: (batch.steps.numbers[at]! + 1) / (epochs + 1) }
}

/** When the planned epochs should be done, at the pace of the last few. */
function expectedEndOf(run: RunRecordReader): number | undefined {
  if (!run.isLive) return undefined
  const { planned, epochs } = run.row
  const times = run.metrics().all.get('train.epoch.total_loss')?.times.numbers ?? new Float64Array()
  const recent = times.subarray(-EPOCHS_OF_PACE - 1)
  if (planned === undefined || epochs === undefined || recent.length < 2) return undefined
  const last = recent[recent.length - 1]!
  const perEpoch = (last - recent[0]!) / (recent.length - 1)
  return last + perEpoch * Math.max(0, planned - epochs)
}

/** The end of the console output from a whole line on. */
function tailOf(folder: string, name: string): string {
  if (!ownFile(folder, [name])) return ''
  return withInput(join(folder, name), file => {
    const { size } = fs.fstatSync(file)
    const from = Math.max(0, size - CONSOLE_TAIL)
    const bytes = Buffer.alloc(size - from)
    const length = fs.readSync(file, bytes, 0, bytes.length, from)
    const text = new TextDecoder().decode(bytes.subarray(0, length))
    return from === 0 ? text : text.slice(text.indexOf('\n') + 1)
  })
}

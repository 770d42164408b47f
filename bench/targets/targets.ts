import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAdapter } from '../../src/gpu/adapter.ts'
import { InputError } from '../../src/util/error.ts'
import { Journal } from '../journal.ts'
import { ChildError } from '../processes.ts'
import {
  type Bench,
  fullEffort,
  MEASUREMENTS,
  type Measured,
  type MeasurementName,
  type Outcome,
  type Outcomes,
  quickEffort,
} from './measurements.ts'
import { TARGET_ROWS, type TargetRow, torchOf } from './rows.ts'

export interface TargetRequest {
  /** parts of row names; all rows by default */
  rows: readonly string[]
  /** configuration of the step, key=value */
  words: readonly string[]
  /** tiny sizes: tests that it works, not how fast */
  quick: boolean
  /** reuse the measurements in the journal */
  resume: boolean
  /** path of the journal; by default in the system's temporary folder */
  journal?: string
  say(line: string): void
}

/** A row of the target table with its result. */
export interface TargetLine {
  name: string
  title: string
  target: string
  /** undefined if not measured */
  reached?: string
  value?: number
  met?: boolean
  /** reason if not measured */
  reason?: string
}

export interface TargetReport {
  adapter: string
  quick: boolean
  lines: TargetLine[]
  /** the full reports behind the rows */
  measured: Outcomes
}

/** Measures the requested rows. A row that fails gives a reason and does not affect the others. Throws InputError on an unknown row. */
export async function benchTargets(request: TargetRequest): Promise<TargetReport> {
  const rows = rowsOf(request.rows)
  const { name: adapter, software } = await openAdapter()
  const { words, quick, resume, say } = request
  const effort = quick ? quickEffort(words) : fullEffort(words, software)
  const path = request.journal ?? join(tmpdir(), 'sadaan-bench.jsonl')
  const journal = Journal.open(path, { adapter, ...effort }, resume, say)
  const measured: Outcomes = {}
  const torches = rows.flatMap(row => torchOf(row) ?? [])
  const bench: Bench = { effort, torches, done: measured, say, once: (name, run) => journal.once(name, run) }
  const wanted = (Object.keys(MEASUREMENTS) as MeasurementName[]).filter(name =>
    rows.some(({ needs }) => needs === name),
  )
  say(`${adapter}: ${rows.length} rows; measurements are saved in ${path}, --resume continues from there`)
  const due = wanted.filter(name => unmeasurable(name, software) === undefined)
  for (const name of wanted) {
    const { title, minutes } = MEASUREMENTS[name]
    const reason = unmeasurable(name, software)
    const estimate = quick ? '' : `: about ${minutes} min`
    if (reason === undefined) say(`[${due.indexOf(name) + 1}/${due.length}] ${title}${estimate}`)
    const started = performance.now()
    Object.assign(measured, { [name]: reason === undefined ? await attempt(name, bench) : { reason } })
    for (const row of rows.filter(({ needs }) => needs === name)) say(`  ${lineText(lineOf(row, measured, quick))}`)
    if (reason === undefined) say(`  after ${Math.round((performance.now() - started) / 1000)} s`)
  }
  return { adapter, quick, lines: rows.map(row => lineOf(row, measured, quick)), measured }
}

function rowsOf(names: readonly string[]): readonly TargetRow[] {
  for (const part of names)
    if (!TARGET_ROWS.some(({ name }) => name.includes(part)))
      throw new InputError(
        `bench: no row ${JSON.stringify(part)}, expected a part of one of ${TARGET_ROWS.map(({ name }) => name).join(', ')}`,
      )
  return names.length === 0 ? TARGET_ROWS : TARGET_ROWS.filter(({ name }) => names.some(part => name.includes(part)))
}

/** Why a measurement does not apply to this kind of adapter. */
function unmeasurable(name: MeasurementName, software: boolean): string | undefined {
  const { adapter } = MEASUREMENTS[name]
  if (adapter === 'gpu' && software) return 'no GPU'
  if (adapter === 'software' && !software) return 'ours runs on a GPU, the original on the CPU'
  return undefined
}

async function attempt<Name extends MeasurementName>(name: Name, bench: Bench): Promise<Outcome<Measured[Name]>> {
  try {
    return { value: await MEASUREMENTS[name].run(bench) }
  } catch (error) {
    if (error instanceof ChildError || error instanceof InputError) return { reason: error.message }
    throw error
  }
}

/** At tiny sizes, targets are not judged. */
function lineOf({ name, title, target, read }: TargetRow, measured: Outcomes, quick: boolean): TargetLine {
  const reading = read(measured)
  if ('reason' in reading || !quick) return { name, title, target, ...reading }
  return { name, title, target, reached: reading.reached, value: reading.value }
}

export function lineText({ name, target, reached, met, reason }: TargetLine): string {
  if (reached === undefined) return `${name}: not measured: ${reason}`
  return `${name}: ${reached}, target ${target}${met === undefined ? '' : met ? ', met' : ', missed'}`
}

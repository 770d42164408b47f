import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readText, writeWhole } from '../src/util/whole_file.ts'
import type { OpsReport } from './ops/ops.ts'
import { OPS_COLUMNS, opsHeader } from './ops/text.ts'
import { type TunedReport, tunedColumns, tunedText } from './peers/tuned.ts'
import type { StepReport } from './step/step.ts'
import { stepText } from './step/text.ts'
import { type TrainingComparison, trainingText } from './step/training.ts'
import { markdownTable } from './table.ts'
import type { TargetReport } from './targets/targets.ts'
import { TARGET_COLUMNS } from './targets/text.ts'
import { TUNE_COLUMNS, tuneHeader } from './tune/text.ts'
import type { TuneReport } from './tune/tune.ts'

/** The outcome of a part of gpu_host.sh: its exit code and, if any, its result. */
interface Part {
  exit: number
  result?: object
  /** its last line on stderr */
  complaint?: string
}

/** The fields of `doctor --json` used here. */
interface Doctor {
  adapters: { name: string }[]
}

const DIRECTORY = process.argv[2] ?? '.gpu-host/results'

const fenced = (text: string): string => `\`\`\`\n${text}\n\`\`\``

function opsSection(result: object): string {
  const report = result as OpsReport
  return `${fenced(opsHeader(report))}\n\n${markdownTable(report.rows, OPS_COLUMNS)}`
}

function tuneSection(result: object): string {
  const report = result as TuneReport
  return `${fenced(tuneHeader(report))}\n\n${markdownTable(report.calls, TUNE_COLUMNS)}`
}

function targetsSection(result: object): string {
  const { lines, measured } = result as TargetReport
  const tables = [markdownTable(lines, TARGET_COLUMNS)]
  const { tuned } = measured
  if (tuned && 'value' in tuned) {
    const { ours, peers } = tuned.value
    tables.push(markdownTable([...ours, ...peers], tunedColumns(ours)))
  }
  return tables.join('\n\n')
}

const stepSection = (result: object): string => fenced(stepText(result as StepReport))

const WRITERS: Readonly<Record<string, (result: object) => string>> = {
  adapter: result => fenced(JSON.stringify((result as Doctor).adapters, null, 1)),
  tests: result => fenced(JSON.stringify(result)),
  'step-f32': stepSection,
  'step-f16': stepSection,
  peers: result => fenced(tunedText(result as TunedReport)),
  'ops-f32': opsSection,
  'ops-f16': opsSection,
  training: result => fenced(JSON.stringify(result)),
  resume: result => fenced(trainingText(result as TrainingComparison)),
  tune: tuneSection,
  'tune-f16': tuneSection,
  targets: targetsSection,
}

function textOf(file: string): string {
  const path = join(DIRECTORY, file)
  return existsSync(path) ? readText(path).trim() : ''
}

/** Undefined for a part that did not run. */
function partOf(name: string): Part | undefined {
  const exit = textOf(`${name}.exit`)
  if (exit === '') return undefined
  const last = textOf(`${name}.json`).split('\n').at(-1)!
  const complaint = textOf(`${name}.log`).split('\n').at(-1)!
  if (last.startsWith('{')) return { exit: Number(exit), result: JSON.parse(last) as object }
  return { exit: Number(exit), complaint }
}

function section(name: string, { exit, result, complaint }: Part): string {
  const body = result ? WRITERS[name]!(result) : `failed with ${exit}: ${complaint}`
  return `## ${name}\n\n${body}\n`
}

const parts = Object.keys(WRITERS).flatMap(name => {
  const part = partOf(name)
  return part ? [[name, part] as const] : []
})
const doctor = parts.find(([name]) => name === 'adapter')?.[1].result as Doctor | undefined
const title = `# ${doctor?.adapters[0]?.name ?? 'Adapter unknown'}, ${new Date().toISOString().slice(0, 10)}\n`
writeWhole(join(DIRECTORY, 'report.json'), [Buffer.from(`${JSON.stringify(Object.fromEntries(parts))}\n`)])
const text = [title, ...parts.map(([name, part]) => section(name, part))].join('\n')
writeWhole(join(DIRECTORY, 'report.md'), [Buffer.from(text)])
process.stdout.write(`${join(DIRECTORY, 'report.md')}\n`)

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { OpsReport } from './ops.ts'
import { OPS_COLUMNS, opsHeader } from './ops_text.ts'
import { TUNED_COLUMNS, type TunedReport } from './peers/tuned.ts'
import type { StepReport } from './step.ts'
import { stepText } from './step_text.ts'
import { markdownTable } from './table.ts'
import type { TargetReport } from './targets.ts'
import { TARGET_COLUMNS } from './targets_text.ts'
import type { TuneReport } from './tune.ts'
import { TUNE_COLUMNS, tuneHeader } from './tune_text.ts'

/** What a part of gpu_host.sh left: its exit code, and its result if it had one. */
interface Part {
  exit: number
  result?: object
  /** the last line it complained with */
  complaint?: string
}

const DIRECTORY = process.argv[2] ?? '.gpu-host/results'
const NAMES = ['tests', 'tune', 'tune-f16', 'ops', 'step-f32', 'step-f16', 'tuned', 'targets'] as const

type Name = (typeof NAMES)[number]

function textOf(file: string): string {
  const path = join(DIRECTORY, file)
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : ''
}

/** Undefined for a part that was not asked for. */
function partOf(name: Name): Part | undefined {
  const exit = textOf(`${name}.exit`)
  if (exit === '') return undefined
  const last = textOf(`${name}.json`).split('\n').at(-1)!
  const complaint = textOf(`${name}.log`).split('\n').at(-1)!
  if (last.startsWith('{')) return { exit: Number(exit), result: JSON.parse(last) as object }
  return { exit: Number(exit), complaint }
}

const fenced = (text: string): string => `\`\`\`\n${text}\n\`\`\``

function tuneSection(result: object): string {
  const report = result as TuneReport
  return `${fenced(tuneHeader(report))}\n\n${markdownTable(report.calls, TUNE_COLUMNS)}`
}

const WRITERS: Record<Name, (result: object) => string> = {
  tests: result => fenced(JSON.stringify(result)),
  tune: tuneSection,
  'tune-f16': tuneSection,
  ops: result => {
    const report = result as OpsReport
    return `${fenced(opsHeader(report))}\n\n${markdownTable(report.rows, OPS_COLUMNS)}`
  },
  'step-f32': result => fenced(stepText(result as StepReport)),
  'step-f16': result => fenced(stepText(result as StepReport)),
  tuned: result => markdownTable((result as TunedReport).peers, TUNED_COLUMNS),
  targets: result => markdownTable((result as TargetReport).lines, TARGET_COLUMNS),
}

function section(name: Name, { exit, result, complaint }: Part): string {
  const body = result ? WRITERS[name](result) : `failed with ${exit}: ${complaint}`
  return `## ${name}\n\n${body}\n`
}

const parts = NAMES.flatMap(name => {
  const part = partOf(name)
  return part ? [[name, part] as const] : []
})
writeFileSync(join(DIRECTORY, 'report.json'), `${JSON.stringify(Object.fromEntries(parts))}\n`)
writeFileSync(join(DIRECTORY, 'report.md'), parts.map(([name, part]) => section(name, part)).join('\n'))
process.stdout.write(`${join(DIRECTORY, 'report.md')}\n`)

import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { run } from '../cli/command.ts'
import type { FaultyProgram, Outcome } from './faulty_program.ts'
import type { Call, Fault, Operation } from './shim.ts'

export const WRITING: readonly Operation[] = [
  ...(['write', 'fsync', 'rename', 'open', 'mkdir', 'link', 'unlink', 'truncate', 'close'] as const),
]
export const READING: readonly Operation[] = ['read', 'open to read', 'stat', 'list']

/** A command that is run once per fault, each time in a folder of its own. */
export interface Scenario {
  name: string
  /** Fills the empty folder with what the command needs, and returns its words. Paths are below the folder. */
  prepare(folder: string): string[]
  operations: readonly Operation[]
  /** the part of the folder that is watched; default: all of it */
  watched?: string
  /** What the command made, to compare; equal for every run that succeeds. */
  result(folder: string): unknown | Promise<unknown>
  /** What is wrong with the folder that a failed command left; undefined if nothing is. `expected` is the result as JSON. */
  afterFailure?(folder: string, expected: string): Promise<string | undefined> | string | undefined
  /** What is wrong although the command ended with 0 and the expected result; undefined if nothing is. */
  afterSuccess?(folder: string, outcome: Outcome): string | undefined
  /** The words of the command that is run after a failed one; default: the same. */
  again?(folder: string): string[]
}

/** What a fault did. */
export interface Finding {
  fault: Fault
  path: string
  complaint: string
}

export interface Sweep {
  /** operations of the command without a fault */
  seen: Call[]
  faults: number
  /** ends of the commands: exit code → number */
  ends: Map<string, number>
  findings: Finding[]
}

/** Runs the command without a fault, then once per chosen fault, and judges each end. */
export async function sweep(program: FaultyProgram, scenario: Scenario, root: string, most: number): Promise<Sweep> {
  const straight = freshFolder(root, 'straight')
  const whole = await runIn(program, scenario, straight)
  if (whole.code !== 0) throw new Error(`${scenario.name}: ends with ${whole.code} without a fault: ${whole.stderr}`)
  const expected = JSON.stringify(await scenario.result(straight))
  rmSync(straight, { recursive: true })
  const done: Sweep = { seen: whole.calls, faults: 0, ends: new Map(), findings: [] }
  for (const fault of choose(whole.calls, straight, most)) {
    const folder = freshFolder(root, String(++done.faults))
    const outcome = await runIn(program, scenario, folder, fault)
    const failed = outcome.calls.find(({ hasFailed }) => hasFailed)
    const key = failed ? String(outcome.code) : 'not reached'
    done.ends.set(key, (done.ends.get(key) ?? 0) + 1)
    const complaint = failed && (await judge(scenario, folder, { ...outcome, failed: failed.path }, expected))
    if (complaint) done.findings.push({ fault, path: relative(folder, failed.path), complaint })
    rmSync(folder, { recursive: true, force: true })
  }
  return done
}

function freshFolder(root: string, name: string): string {
  const folder = join(root, name)
  mkdirSync(folder, { recursive: true })
  return folder
}

function runIn(program: FaultyProgram, scenario: Scenario, folder: string, fault?: Fault): Promise<Outcome> {
  const words = scenario.prepare(folder)
  const watched = scenario.watched === undefined ? folder : join(folder, scenario.watched)
  const operations = fault ? [fault.operation] : scenario.operations
  return program.run(words, { folder, watched, operations, ...(fault && { fault }) })
}

const ERRORS = [
  ['EIO', false],
  ['ENOSPC', true],
  ['EACCES', false],
  ['EIO', true],
  ['ENOSPC', false],
  ['EACCES', true],
] as const

/**
 * Every kind of operation on every path at least once, as far as `most` goes: first the first call of each, then the last, then those
 * between. The errors take turns.
 */
export function choose(calls: readonly Call[], folder: string, most: number): Fault[] {
  const counts = new Map<Operation, number>()
  const groups = new Map<string, { operation: Operation; nth: number }[]>()
  for (const { operation, path } of calls) {
    const nth = (counts.get(operation) ?? 0) + 1
    counts.set(operation, nth)
    const key = `${operation} ${nameOf(path, folder)}`
    groups.set(key, [...(groups.get(key) ?? []), { operation, nth }])
  }
  const faults: Fault[] = []
  for (const place of [0, 1, 0.5, 0.25, 0.75])
    for (const group of groups.values()) {
      const { operation, nth } = group[Math.round(place * (group.length - 1))]!
      if (faults.length >= most || faults.some(fault => fault.operation === operation && fault.nth === nth)) continue
      const kinds = operation === 'write' ? [...ERRORS, ['short', false] as const] : ERRORS
      const [error, isSticky] = kinds[faults.length % kinds.length]!
      faults.push({ operation, nth, error, isSticky })
    }
  return faults
}

/** The path without what differs from run to run. */
function nameOf(path: string, folder: string): string {
  return relative(folder, path)
    .replace(/\.\d+\.tmp$/, '.PID.tmp')
    .replace(/\.staged-\w{6}/, '.staged-')
}

/** Where closing fails after text was read or written whole, Node ends the process itself. To the files that is a kill. */
const NODE_ABORTS = /Assertion .*uv_fs_close/

async function judge(
  scenario: Scenario,
  folder: string,
  outcome: Outcome & { failed: string },
  expected: string,
): Promise<string | undefined> {
  const { code, stderr, failed } = outcome
  const isKilled = code === 'died' && NODE_ABORTS.test(stderr)
  if (!isKilled && (code === 'died' || code === 'hangs')) return `${code}: ${stderr.slice(0, 500)}`
  if (code === 0) {
    const got = JSON.stringify(await scenario.result(folder))
    if (got === expected) return scenario.afterSuccess?.(folder, outcome)
    return `ends with 0 and another result: ${difference(got, expected)}; ${stderr.trim().slice(-300)}`
  }
  const wrong =
    (isKilled ? undefined : wrongMessage(outcome, folder)) ?? (await scenario.afterFailure?.(folder, expected))
  if (wrong) return wrong
  const words = scenario.again?.(folder)
  if (!words || failed.endsWith('/.lock')) return undefined
  // in another process, as a user would
  const next = await run(words, folder)
  // a process that could not remove its lock holds it until it ends, and the faulty one goes on to the next fault
  if (/: in use by another training, process \d+ on /.test(next.stderr)) return undefined
  if (next.code !== 0) return `the next run ends with ${next.code}: ${next.stderr.trim()}`
  // the lock of a dead process is in nobody's way; a training that has nothing to do takes none
  const left = leftovers(folder).filter(name => !(isKilled && name.endsWith('/.lock')))
  if (left.length > 0) return `the next run leaves ${left.join(', ')}`
  const got = JSON.stringify(await scenario.result(folder))
  return got === expected ? undefined : `the next run has another result: ${difference(got, expected)}`
}

const CALLS = 'open|read|write|mkdir|mkdtemp|rename|link|unlink|rmdir|ftruncate|fsync|close|l?stat|scandir|access'
const DOING = new RegExp(`can't|cannot|could not|expected an? |, (?:${CALLS})\\b`)
const REASON = /EIO|ENOSPC|EACCES|i\/o error|no space|permission|can't retrieve stat/i

/** What is wrong with the message of a command that failed: it must be one line with a path, what was being done and the reason. */
export function wrongMessage({ stderr, stdout }: Outcome, folder: string): string | undefined {
  if (/^ +at .+:\d+:\d+\)?$/m.test(stderr)) return `prints a stack: ${stderr.slice(0, LONGEST)}`
  const lines = linesOf({ stderr, stdout })
  if (lines.length === 0) return `the error is not one line at the end: ${stderr.slice(-LONGEST)}${stdout}`
  return lines.map(line => wrongLine(line, folder)).find(wrong => wrong !== undefined)
}

const LONGEST = 600 // characters

/** The error of a command, its last line; `predict` has one per scan before that, and findings are what `validate` prints. */
function linesOf({ stderr, stdout }: Pick<Outcome, 'stderr' | 'stdout'>): string[] {
  const lines = stderr.trimEnd().split('\n')
  if (/^\d+ of \d+ could not be predicted$/.test(lines.at(-1)!))
    return lines.filter(line => line.startsWith('not predicted: '))
  if (stderr === '') {
    const found = stdout.split('\n')
    const dataset = found.find(line => line.startsWith('dataset '))
    // what follows from an unreadable file is found as well
    return found.filter(line => line.startsWith('error ') && REASON.test(line)).map(line => `${line} in ${dataset}`)
  }
  const said = lines.filter(line => line.startsWith('sadaan-gpu: '))
  return said.length === 1 && said[0] === lines.at(-1) ? said : []
}

function wrongLine(line: string, folder: string): string | undefined {
  if (!line.includes(folder)) return `names no path: ${line}`
  if (!DOING.test(line)) return `does not say what was being done: ${line}`
  if (!REASON.test(line)) return `gives no reason: ${line}`
  return line.length > LONGEST ? `is ${line.length} characters long: ${line}` : undefined
}

/** One line per finding, for the message of a test that fails. */
export function listOf({ findings }: Sweep): string {
  return findings
    .map(({ fault: { operation, nth, error, isSticky }, path, complaint }) => {
      const which = `${error}${isSticky ? ' from' : ' at'} ${operation} ${nth}`
      return `${which} (${path}): ${complaint}`
    })
    .join('\n')
}

/** Temporary files and folders. */
export function leftovers(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name =>
    /\.tmp$|(^|\/)\.(predict-|lock)/.test(name),
  )
}

function difference(got: string, expected: string): string {
  const [a, b] = [got, expected].map(text => JSON.parse(text) as unknown)
  if (!isRecord(a) || !isRecord(b)) return `${got.slice(0, 200)} instead of ${expected.slice(0, 200)}`
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])]
  return keys.filter(key => JSON.stringify(a[key]) !== JSON.stringify(b[key])).join(', ')
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

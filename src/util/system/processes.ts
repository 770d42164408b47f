import { readdirSync, readFileSync } from 'node:fs'

/** Whether a process runs. One that has ended and that nobody has waited for yet is still listed, as a zombie. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  const state = statOf(pid)?.state
  return state !== 'Z' && state !== 'X'
}

/** A process that runs below another one. */
export interface Descendant {
  pid: number
  /** its environment when it started */
  environment: ReadonlyMap<string, string>
}

/** The processes that `pid` has started, and those that these have; none where the system has no /proc. */
export function descendantsOf(pid: number): Descendant[] {
  const children = new Map<number, number[]>()
  for (const child of listedProcesses()) {
    const parent = statOf(child)?.parent
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), child])
  }
  const below = (parent: number): number[] => (children.get(parent) ?? []).flatMap(child => [child, ...below(child)])
  return below(pid).map(child => ({ pid: child, environment: environmentOf(child) }))
}

function listedProcesses(): number[] {
  try {
    return readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .map(Number)
  } catch {
    return []
  }
}

/** What the kernel says; undefined where there is no /proc or no such process. */
function statOf(pid: number): { state: string; parent: number } | undefined {
  try {
    // 'pid (name) state parent …': a name may have brackets and spaces
    const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
    return { state: state!, parent: Number(parent) }
  } catch {
    return undefined
  }
}

function environmentOf(pid: number): Map<string, string> {
  try {
    const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
    return new Map(entries.map(entry => [entry.split('=', 1)[0]!, entry.slice(entry.indexOf('=') + 1)]))
  } catch {
    return new Map()
  }
}

import { existsSync, readdirSync } from 'node:fs'
import { readText } from '../../src/util/whole_file.ts'

const EVERY = 1000 // ms

/**
 * Watches the memory of a process and of all its descendants: the peak of the sum of their proportional set sizes, which count shared pages
 * once. Linux only; elsewhere `peak` stays undefined.
 */
export class TreeMemory {
  /** bytes */
  peak: number | undefined
  private readonly root: number
  private readonly timer: NodeJS.Timeout

  constructor(pid: number) {
    this.root = pid
    this.timer = setInterval(() => this.look(), EVERY)
    this.look()
  }

  stop(): void {
    clearInterval(this.timer)
  }

  private look(): void {
    if (!existsSync('/proc/self/smaps_rollup')) return
    const sum = treeOf(this.root).reduce((total, pid) => total + proportionalBytes(pid), 0)
    this.peak = Math.max(this.peak ?? 0, sum)
  }
}

/** The process and its descendants, by the parents that /proc names. */
function treeOf(root: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    const parent = /^\d+$/.test(name) ? parentOf(name) : undefined
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const found = [root]
  for (const pid of found) found.push(...(children.get(pid) ?? []))
  return found
}

function parentOf(pid: string): number | undefined {
  const status = textOfProcess(`/proc/${pid}/status`)
  const parent = /^PPid:\s+(\d+)$/m.exec(status)?.[1]
  return parent === undefined ? undefined : Number(parent)
}

function proportionalBytes(pid: number): number {
  return 1024 * Number(/^Pss:\s+(\d+) kB$/m.exec(textOfProcess(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0)
}

/** Empty for a process that ended meanwhile. */
function textOfProcess(path: string): string {
  try {
    return readText(path)
  } catch {
    return ''
  }
}

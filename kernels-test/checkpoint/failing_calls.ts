import fs from 'node:fs'
import { vi } from 'vitest'

/** Lets the Nth of the calls below fail as a full or broken disk does; returns their names in order. */
export function failAt(failing: number): string[] {
  const calls: string[] = []
  const names = ['openSync', 'writeSync', 'fsyncSync', 'renameSync'] as const
  for (const name of names) {
    const real = fs[name] as (...args: unknown[]) => unknown
    vi.spyOn(fs, name).mockImplementation(((...args: unknown[]) => {
      if (calls.push(name) === failing) throw new Error(`EIO: ${name}`)
      return real(...args)
    }) as never)
  }
  return calls
}

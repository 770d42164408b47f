import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { readCheckpoint } from '../../src/checkpoint/checkpoint.ts'
import { digestOfValue } from './digest.ts'

/** All that must be equal, bit for bit, in every checkpoint of a folder, as digests. What tells where a run was saved is left out. */
export function savedIn(folder: string): Record<string, string> {
  const names = existsSync(folder) ? readdirSync(folder).filter(name => name.endsWith('.pth')) : []
  return Object.fromEntries(names.sort().map(name => [name, substanceOf(join(folder, name))]))
}

function substanceOf(path: string): string {
  const { sadaan, ...rest } = readCheckpoint(path)
  const { config: _, run: _run, ...progress } = sadaan!
  return digestOfValue({ ...rest, progress })
}

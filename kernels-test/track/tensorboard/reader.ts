import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { TestContext } from 'vitest'

/** What TensorBoard's own reader finds in the folder of a run. Non-finite numbers are strings. */
export interface Seen {
  records: number
  version: number
  scalars: Record<string, [step: number, time: number, value: number | string][]>
  images: Record<string, [step: number, width: number, height: number, bytes: string][]>
  texts: Record<string, string>
}

/** Skips the test without a Python that has tensorboard. */
export function seenIn(folder: string, context: TestContext): Seen {
  const reader = process.env.SADAAN_READERS
  if (!reader) context.skip('SADAAN_READERS is not set: no python with tensorboard')
  const script = fileURLToPath(new URL('events.py', import.meta.url))
  const stdio: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe']
  return JSON.parse(execFileSync(reader!, [script, folder], { encoding: 'utf8', stdio, maxBuffer: 2 ** 26 }))
}

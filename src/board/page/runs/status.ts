import { h, type JSX } from 'preact'
import type { RunRow, RunStatus } from '../../wire/runs.ts'

/** A sign, which tells statuses apart without colours, a word and a class. */
const MARKS: Readonly<Record<RunStatus, readonly [sign: string, word: string, style: string]>> = {
  QUEUED: ['○', 'queued', 'faint'],
  RUNNING: ['▶', 'running', 'good'],
  COMPLETED: ['✓', 'completed', ''],
  INTERRUPTED: ['❚❚', 'interrupted', 'warn'],
  FAILED: ['✗', 'failed', 'bad'],
  TIMEOUT: ['⏱', 'timeout', 'bad'],
  SILENT: ['?', 'no heartbeat', 'warn'],
  BROKEN: ['!', 'unreadable', 'bad'],
}

export function statusMark({ status, problems }: Pick<RunRow, 'status' | 'problems'>): JSX.Element {
  const [sign, word, style] = MARKS[status]
  const says = problems.join('; ')
  return h('span', { class: `status ${style}`, ...(says && { title: says }) }, [
    h('span', { 'aria-hidden': 'true' }, sign),
    ` ${word}`,
    says && status !== 'BROKEN' ? h('span', { class: 'bad' }, ' !') : null,
  ])
}

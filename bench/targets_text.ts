import { type Column, textTable } from './table.ts'
import type { TargetLine, TargetReport } from './targets.ts'

export const TARGET_COLUMNS: readonly Column<TargetLine>[] = [
  { title: 'line', value: ({ name }) => name },
  { title: 'target', value: ({ target }) => target },
  { title: '', value: ({ met }) => (met === undefined ? undefined : met ? 'met' : 'missed') },
  { title: 'reached', value: ({ reached, reason }) => reached ?? `not measurable here: ${reason}` },
]

export function targetText({ adapter, quick, lines }: TargetReport): string {
  const size = quick ? ['quick: tiny sizes, the figures mean nothing'] : []
  return [...size, `adapter  ${adapter ?? 'none'}`, textTable(lines, TARGET_COLUMNS)].join('\n')
}

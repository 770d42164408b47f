import { type Column, textTable } from '../table.ts'
import type { TargetLine, TargetReport } from './targets.ts'

export const TARGET_COLUMNS: readonly Column<TargetLine>[] = [
  { title: 'row', value: ({ name }) => name },
  { title: 'what', value: ({ title }) => title },
  { title: 'target', value: ({ target }) => target },
  { title: 'reached', value: ({ reached, reason }) => reached ?? `not measured: ${reason}` },
  { title: '', value: ({ met }) => (met === undefined ? undefined : met ? 'met' : 'MISSED') },
]

export function targetText({ adapter, quick, lines }: TargetReport): string {
  const size = quick ? ['quick: tiny sizes, the figures mean nothing'] : []
  return [...size, `adapter  ${adapter}`, textTable(lines, TARGET_COLUMNS), summary(lines)].join('\n')
}

function summary(lines: readonly TargetLine[]): string {
  const count = (met: boolean): number => lines.filter(line => line.met === met).length
  const unmeasured = lines.filter(({ reason }) => reason !== undefined).length
  return `${count(true)} met, ${count(false)} missed, ${unmeasured} not measured`
}

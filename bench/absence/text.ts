import { type Column, textTable } from '../table.ts'
import type { AbsenceSet } from './absence_set.ts'
import type { AbsenceLine } from './score.ts'

const digits = (value: number | null): string => (value === null ? '' : value.toFixed(3))

const COLUMNS: readonly Column<AbsenceLine>[] = [
  { title: 'tool', value: ({ tool }) => tool },
  {
    title: 'present if',
    value: ({ rule, threshold_ml: best }) => (best ? `volume > ${best.toPrecision(2)} ml` : rule),
  },
  { title: 'structure', value: ({ structure }) => structure },
  { title: 'absent', value: ({ absent }) => absent },
  { title: 'present', value: ({ present }) => present },
  { title: 'accuracy', value: ({ accuracy }) => digits(accuracy) },
  { title: 'sensitivity', value: ({ sensitivity }) => digits(sensitivity) },
  { title: 'specificity', value: ({ specificity }) => digits(specificity) },
  { title: 'AUC', value: ({ auc }) => digits(auc) },
  { title: 'false ml', value: ({ false_volume_ml }) => digits(false_volume_ml) },
]

export function absenceText(lines: readonly AbsenceLine[]): string {
  const note = lines.some(({ rule }) => rule === 'volume > best')
    ? [
        '',
        'sensitivity: absent structures called absent; the second threshold is the best on these crops, in hindsight',
      ]
    : []
  return [textTable(lines, COLUMNS), ...note].join('\n')
}

interface CountLine {
  part: string
  structure: string
  present: number
  absent: number
  unknown: number
}

/** What a set holds. */
export function setText({ structures, crops, without_pair }: AbsenceSet): string {
  const lines = (['train', 'test'] as const).flatMap(part =>
    structures.map(({ name }): CountLine => {
      const count = (state: number): number =>
        crops.filter(crop => crop.part === part && crop.presence[name] === state).length
      return { part, structure: name, present: count(1), absent: count(0), unknown: count(-1) }
    }),
  )
  const table = textTable(lines, [
    { title: 'part', value: ({ part }) => part },
    { title: 'structure', value: ({ structure }) => structure },
    { title: 'present', value: ({ present }) => present },
    { title: 'absent', value: ({ absent }) => absent },
    { title: 'unknown', value: ({ unknown }) => unknown },
  ])
  const missing = Object.entries(without_pair).filter(([, scans]) => scans.length > 0)
  const notes = missing.map(([name, scans]) => `${name}: ${scans.length} scans allow no two crops of one length`)
  return [table, ...notes].join('\n')
}

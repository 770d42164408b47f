import { FAMILIES, type FamilyReport } from './amd.ts'
import { occupancyOf } from './occupancy.ts'

/** Registers and waves of the kernels that the rules choose, a line each: the most registers and the fewest waves of its forms. */
export function occupancyTable(reports: readonly FamilyReport[]): string {
  const { waves } = occupancyOf(reports)
  const head = ['registers / waves', ...reports.map(({ family }) => family)]
  const generations = ['', ...reports.map(({ family }) => FAMILIES[family])]
  const rows = Object.entries(waves).map(([kind, counts]) => [
    kind,
    ...counts.map((count, i) => (count === null ? '' : `${mostRegisters(reports[i]!, kind)} / ${count}`)),
  ])
  const lines = [generations, head, ...rows]
  const widths = head.map((_, i) => Math.max(...lines.map(line => line[i]!.length)))
  return lines
    .map(line =>
      line
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function mostRegisters({ kernels }: FamilyReport, kind: string): number {
  const registers = kernels.filter(each => each.isChosen && each.kind === kind).map(each => each.statistics?.VGPRs ?? 0)
  return Math.max(...registers)
}

import { SPLIT_NAMES } from '../../src/data/dataset/split.ts'
import type { ImportReport } from '../../src/data/import/report.ts'
import type { IntensityRule } from '../../src/data/scan/preparation.ts'
import { table } from '../../src/report/text/table.ts'

/** The result of an import as lines of plain text: a table of structures, then details of the conversion. */
export function summaryLines(report: ImportReport): string[] {
  const filled = SPLIT_NAMES.filter(name => report.splits[name].samples > 0)
  const right = (heading: string) => ({ heading, align: 'right' as const })
  const columns = [
    { heading: 'structure', align: 'left' as const },
    ...['present', 'absent', 'unknown', ...filled.map(name => `in ${name}`)].map(right),
  ]
  const rows = report.presence.map(({ name, present, absent, unknown, presentIn }) => [
    name,
    ...[present, absent, unknown, ...filled.map(split => presentIn[split])].map(String),
  ])
  return [
    ...table(columns, rows),
    '',
    ...describe(report).map(([what, text]) => `${what.padEnd(12)}${text}`),
    ...report.skipped.map(line => `skipped     ${line}`),
    ...report.warnings.map(line => `warning: ${line}`),
  ]
}

function describe({ splits, preparation, patches, voxelSize, size, intensity, cropped, dataset }: ImportReport) {
  const filled = SPLIT_NAMES.filter(name => splits[name].samples > 0)
  const counts = filled.map(name => {
    const { subjects, scans, samples } = splits[name]
    const further = [
      ...(scans === subjects.length ? [] : [`${scans} scans`]),
      ...(samples === scans ? [] : [`${samples} samples`]),
    ]
    return `${name} ${subjects.length}${further.length > 0 ? ` (${further.join(', ')})` : ''}`
  })
  const { frame, image_size } = preparation
  const millimetres =
    frame.kind === 'spacing' ? `, voxels of ${frame.spacing_mm.join('×')} mm` : ', the whole field of view'
  const lines: [string, string][] = [
    ['subjects', counts.join(', ')],
    ['scans', `${rangeText(size)} voxels of ${rangeText(voxelSize)} mm`],
    [patches ? 'patches' : 'frame', `${image_size.join('×')}${millimetres}`],
    ...intensity.map((range, c): [string, string] => [`channel ${c}`, intensityText(preparation.intensity[c]!, range)]),
  ]
  if (cropped.scans > 0) lines.push(['cropped', croppedText(cropped)])
  return [...lines, ['dataset', dataset] as [string, string]]
}

function rangeText({ least, most }: { least: number[]; most: number[] }): string {
  const text = (triple: number[]): string => triple.map(number => Number(number.toPrecision(4))).join('×')
  return text(least) === text(most) ? text(least) : `${text(least)} to ${text(most)}`
}

function intensityText(rule: IntensityRule, { low, high }: ImportReport['intensity'][number]): string {
  if (rule.kind === 'window') return `window ${rule.low} to ${rule.high} mapped to 0 to 255`
  const by =
    rule.kind === 'zscore' ? `mean ± ${rule.deviations} standard deviations` : `percentiles ${rule.low} to ${rule.high}`
  const range = ([least, most]: [number, number]): string => {
    const [a, b] = [least, most].map(number => String(Number(number.toPrecision(4))))
    return a === b ? a! : `${a}…${b}`
  }
  return `${by} mapped to 0 to 255: ${range(low)} and ${range(high)}`
}

function croppedText({ scans, withLabels }: ImportReport['cropped']): string {
  const of = (count: number): string => (count === 1 ? '1 scan' : `${count} scans`)
  if (withLabels.length === 0) return `${of(scans)}, without cutting off labelled voxels`
  const shown = withLabels.slice(0, 5).join(', ')
  return `${of(scans)}; labelled voxels were cut off in ${withLabels.length}: ${shown}${withLabels.length > 5 ? ' …' : ''}`
}

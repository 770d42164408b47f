import { InputError } from '../../util/error.ts'
import { listed } from '../../util/listing.ts'
import type { Refusal } from './pairs.ts'
import type { Source } from './sources.ts'
import { type LabelledStructure, structuresText } from './structures.ts'
import type { SurveyedScan } from './surveyed_scan.ts'

/*
 * What a label holds and no structure takes. Some of it is left out on purpose, and some of it is a structure under another number, which
 * would make that structure absent from the scan.
 */

/** The scans of a source whose labels hold nothing that could be a structure under another number; the others go to `refuse`. */
export function placedScans(source: Source, scans: readonly SurveyedScan[], refuse: Refusal): SurveyedScan[] {
  const doubt = source.structures ? doubtOf(source, source.structures, scans) : strangerAmong(scans)
  return scans.filter(scan => {
    const reason = scan.label.kind === 'volume' ? doubt(scan) : undefined
    if (reason !== undefined) refuse(new InputError(`${scan.label.path}: ${reason}`))
    return reason === undefined
  })
}

type Doubt = (scan: SurveyedScan) => string | undefined

function doubtOf(source: Source, structures: readonly LabelledStructure[], scans: readonly SurveyedScan[]): Doubt {
  const { completeList, declared } = source
  const isDeclared = (value: number): boolean => declared.has(value)
  if (completeList !== undefined) {
    const expected = [...declared].sort(([a], [b]) => a - b).map(([value, name]) => `${value} (${name})`)
    return scan => {
      const unknown = unplaced(scan, source, structures).filter(value => !isDeclared(value))
      if (unknown.length === 0) return undefined
      return `label ${valuesText(unknown)} is not named in ${completeList}, expected ${listed(expected)}, or the value in --leave-out`
    }
  }
  const beside = valuesBeside(scans)
  return scan => {
    const lacking = scan.known.flatMap((structure, s) => (structure && scan.presence[s] === 0 ? [s] : []))
    const doubtful = unplaced(scan, source, structures)
      .filter(value => !isDeclared(value))
      .filter(value => lacking.some(s => !beside[s]!.has(value)))
    if (doubtful.length === 0) return undefined
    const names = lacking.filter(s => doubtful.some(value => !beside[s]!.has(value))).map(s => scan.known[s]!.name)
    return `label ${valuesText(doubtful)} may be ${listed(names, ' or ')}, which the scan lacks (structures: ${structuresText(structures)}); expected it among them, or in --leave-out`
  }
}

/** (S): the label values that occur in scans where structure s is present, and which are thus not it. */
function valuesBeside(scans: readonly SurveyedScan[]): ReadonlySet<number | string>[] {
  const beside: Set<number | string>[] = []
  for (const { presence, occurring } of scans)
    for (const [s, state] of presence.entries()) {
      beside[s] ??= new Set()
      if (state === 1) for (const value of occurring) beside[s].add(value)
    }
  return beside
}

/** Nothing names the values: in doubt is a scan that shares none with any other scan, while others share theirs. */
function strangerAmong(scans: readonly SurveyedScan[]): Doubt {
  const counts = new Map<number | string, number>()
  for (const { occurring } of scans) for (const value of occurring) counts.set(value, (counts.get(value) ?? 0) + 1)
  const common = [...counts].filter(([, count]) => count > 1).map(([value]) => String(value))
  return ({ occurring }) => {
    if (common.length === 0 || occurring.size === 0 || [...occurring].some(value => counts.get(value)! > 1))
      return undefined
    return `label ${valuesText([...occurring] as number[])} is in no other scan, and those of the others (${listed(common)}) are not in this one; expected the same values, or their names in --structures`
  }
}

/** The label values of a scan that belong to no structure and are not left out by request, ascending. */
function unplaced(
  { label, occurring }: SurveyedScan,
  { ignored, leftOut }: Source,
  structures: readonly LabelledStructure[],
): number[] {
  if (label.kind === 'folder') return []
  const placed = new Set<unknown>(structures.flatMap(({ marks }) => marks))
  return [...(occurring as ReadonlySet<number>)]
    .filter(value => !placed.has(value) && value !== ignored && !leftOut.has(value))
    .sort((a, b) => a - b)
}

/** Warnings about label values and mask files that belong to no structure. */
export function unplacedLines(
  source: Source,
  structures: readonly LabelledStructure[],
  scans: readonly SurveyedScan[],
): string[] {
  const values = new Set(scans.flatMap(scan => unplaced(scan, source, structures)))
  const placed = new Set(structures.flatMap(({ marks }) => marks.map(String)))
  const files = new Set(scans.flatMap(({ label }) => (label.kind === 'folder' ? [...label.files.keys()] : [])))
  const strays = [...files].filter(file => !placed.has(file)).sort()
  return [
    ...(values.size > 0
      ? [`${source.where}: label values ${valuesText([...values].sort((a, b) => a - b))} belong to no structure`]
      : []),
    ...(strays.length > 0 ? [`${source.where}: mask files ${listed(strays)} belong to no structure`] : []),
  ]
}

function valuesText(values: readonly number[]): string {
  return listed(values.map(String))
}

import { InputError } from '../../util/error.ts'
import { listed } from '../../util/listing.ts'
import { nearest } from '../../util/nearest.ts'
import { firstRepeated } from '../../util/repeated.ts'
import { checkSameGrid } from '../scan/same_grid.ts'
import { isVolumeName } from '../scan/volume/names.ts'
import { readVolumeGrid } from '../scan/volume/volume.ts'
import { type LabelContent, surveyLabel } from './labels.ts'
import type { Refusal } from './pairs.ts'
import type { Source, SourceScan } from './sources.ts'
import type { LabelledStructure } from './structures.ts'
import type { SurveyedScan } from './surveyed_scan.ts'
import { checkNotSwapped, withSwapQuestion } from './swapped.ts'
import { placedScans, unplacedLines } from './unplaced.ts'

export interface Survey {
  structureNames: string[]
  scans: SurveyedScan[]
  /** of every scan */
  channels: number
  /** for each source, the marks of the structures it names */
  marks: Record<string, LabelledStructure['marks']>[]
  warnings: string[]
}

interface Surveyed {
  source: Source
  scans: (SourceScan & LabelContent)[]
}

/**
 * Reads every label and every header of a volume once, one in memory at a time, so that errors are reported before anything is written and the
 * splits can be stratified. Unusable scans go to `refuse`. Throws InputError if structures and labels do not match.
 */
export function surveySources(
  sources: readonly Source[],
  { order, hasPatches, refuse, onLabel }: SurveyOptions,
): Survey {
  const channels = new ChannelCount()
  const surveyed = sources.map(source => ({
    source,
    scans: source.scans.flatMap(scan => survey(scan, channels, refuse, onLabel)),
  }))
  const structures = surveyed.map(structuresOf)
  const structureNames = namesOf(structures, order)
  const bySource = surveyed.map(({ source, scans }, i) => {
    checkNames(source, structureNames)
    const ownNames = new Map(structures[i]!.map(structure => [structure.name, structure]))
    const placed = scans.map(scan => {
      const known = knownIn(scan, source, ownNames, structureNames)
      return { ...scan, source, known, presence: presenceIn(scan, source, known, hasPatches) }
    })
    return placedScans(source, placed, refuse)
  })
  const isUsable = ({ presence }: SurveyedScan): boolean => presence.some(state => state !== -1)
  const usable = bySource.flat().filter(isUsable)
  const warnings = [
    ...sources.flatMap(({ notes }) => notes),
    ...unknownLines(bySource.flat().filter(scan => !isUsable(scan))),
    ...bySource.flatMap((scans, i) => unplacedLines(sources[i]!, structures[i]!, scans)),
    ...structureNames.flatMap((name, s) =>
      neverPresent(
        name,
        usable.map(({ presence }) => presence[s]!),
      ),
    ),
  ]
  const marks = structures.map(named => Object.fromEntries(named.map(({ name, marks }) => [name, marks])))
  return { structureNames, scans: usable, channels: channels.expected ?? 0, marks, warnings }
}

export interface SurveyOptions {
  /** requested order of the structures */
  order: readonly string[] | undefined
  /** whether scans are cut into patches, so that an ignored voxel spoils only patches that contain it */
  hasPatches: boolean
  refuse: Refusal
  onLabel: () => void
}

function survey(
  scan: SourceScan,
  channels: ChannelCount,
  refuse: Refusal,
  onLabel: () => void,
): (SourceScan & LabelContent)[] {
  try {
    const content = surveyLabel(scan.label)
    checkNotSwapped(scan, content)
    const headers = scan.images.filter(isVolumeName).map(readVolumeGrid)
    for (const header of headers) checkSameGrid(content.grid, header)
    const series = scan.images.length - headers.length // DICOM series, one channel each
    channels.check(
      scan,
      headers.reduce((sum, header) => sum + header.channels, series),
    )
    onLabel()
    return [{ ...scan, ...content }]
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    refuse(withSwapQuestion(error, scan))
    return []
  }
}

/** Checks that all scans have as many channels as the first. */
class ChannelCount {
  expected: number | undefined

  check({ images }: SourceScan, channels: number): void {
    this.expected ??= channels
    if (channels !== this.expected)
      throw new InputError(`${images[0]}: has ${channels} channels, the first scan ${this.expected}`)
  }
}

/** The structures that the source names, or else every value or file that occurs. */
function structuresOf({ source, scans }: Surveyed): readonly LabelledStructure[] {
  if (source.structures) {
    checkMarks(source.structures, scans)
    return source.structures
  }
  const [first] = scans
  const isOther = ({ label }: SourceScan): boolean => label.kind !== first?.label.kind
  const other = scans.find(isOther)
  if (other)
    throw new InputError(
      `${other.label.path}: is a ${other.label.kind}, but ${first!.label.path} is not; name the structures`,
    )
  const marks = new Set(
    scans.flatMap(({ label, occurring }) => [...(label.kind === 'folder' ? label.files.keys() : occurring)]),
  )
  if (marks.size === 0) throw new InputError(`${source.where}: no volume has a label other than 0`)
  const names = tableNames(scans)
  const nameOf = (mark: number | string): string =>
    typeof mark === 'number' ? (names.get(mark) ?? `label_${mark}`) : mark
  const named = [...marks].map(mark => ({ name: nameOf(mark), marks: [mark] }))
  return named.sort(({ marks: [a] }, { marks: [b] }) => (typeof a === 'number' ? a - (b as number) : a! < b! ? -1 : 1))
}

/**
 * The names of label values in the labels' own headers, without those that two values share. Throws InputError if two labels give a value
 * different names.
 */
function tableNames(scans: Surveyed['scans']): Map<number, string> {
  const found = new Map<number, { name: string; path: string }>()
  for (const { label, names = new Map<number, string>() } of scans)
    for (const [value, name] of names) {
      const { name: before, path } = found.get(value) ?? { name, path: label.path }
      if (before !== name)
        throw new InputError(
          `${label.path}: its header names label ${value} '${name}', that of ${path} '${before}'; name the structures yourself`,
        )
      found.set(value, { name, path })
    }
  const times = new Map<string, number>()
  for (const { name } of found.values()) times.set(name, (times.get(name) ?? 0) + 1)
  return new Map([...found].flatMap(([value, { name }]) => (times.get(name) === 1 ? [[value, name]] : [])))
}

function checkMarks(structures: readonly LabelledStructure[], scans: Surveyed['scans']): void {
  for (const { name, marks } of structures) {
    const volume = scans.find(({ label }) => label.kind === 'volume')
    const file = marks.find(mark => typeof mark === 'string')
    if (volume && file !== undefined)
      throw new InputError(
        `structures: '${name}' is marked by '${file}', but ${volume.label.path} is a label map, expected ${name}=value`,
      )
    const folders = scans.flatMap(({ label }) => (label.kind === 'folder' ? [label] : []))
    if (folders.length > 0 && !volume && !folders.some(({ files }) => marks.some(mark => files.has(String(mark)))))
      throw new InputError(
        `structures: '${name}': neither ${folders[0]!.path} nor any other label folder has a file ${marks.join(' or ')}`,
      )
  }
}

/** Structure names of all sources, in the requested order or that of the sources. */
function namesOf(
  structures: readonly (readonly LabelledStructure[])[],
  order: readonly string[] | undefined,
): string[] {
  const all = [...new Set(structures.flatMap(named => named.map(({ name }) => name)))]
  if ([...all, ...(order ?? [])].includes('__proto__'))
    throw new InputError("structures: '__proto__' cannot be the name of a structure, expected another name")
  if (!order) return all
  const ordered = new Set(order)
  const missing = all.find(name => !ordered.has(name))
  if (missing !== undefined)
    throw new InputError(`structures: '${missing}' of a source is missing from the list of all structures`)
  const twice = firstRepeated(order)
  if (twice !== undefined) throw new InputError(`structures: the list of all structures names '${twice}' twice`)
  return [...order]
}

function checkNames({ where, annotated = [], notAnnotated, scans }: Source, names: readonly string[]): void {
  for (const name of [...annotated, ...Object.values(notAnnotated).flat()]) {
    if (names.includes(name)) continue
    const meant = nearest(name, names)
    throw new InputError(`${where}: annotated names '${name}', expected ${meant ? `'${meant}'` : listed(names)}`)
  }
  const scanNames = new Set(scans.map(({ name }) => name))
  const stray = Object.keys(notAnnotated).find(scan => !scanNames.has(scan))
  if (stray !== undefined)
    throw new InputError(`${where}: not_annotated names '${stray}', which is not one of its scans`)
}

/** The structures annotated in a scan. In a folder of masks, a structure counts only if all its files exist. */
function knownIn(
  { name, label }: SourceScan,
  { annotated, notAnnotated }: Source,
  structures: ReadonlyMap<string, LabelledStructure>,
  names: readonly string[],
): (LabelledStructure | undefined)[] {
  const wanted = new Set(annotated ?? names)
  const unwanted = new Set(Object.hasOwn(notAnnotated, name) ? notAnnotated[name] : [])
  return names.map(structureName => {
    const isLookedFor = wanted.has(structureName) && !unwanted.has(structureName)
    const structure = isLookedFor ? structures.get(structureName) : undefined
    const hasAll = label.kind === 'volume' || structure?.marks.every(mark => label.files.has(String(mark)))
    return hasAll ? structure : undefined
  })
}

function presenceIn(
  { label, occurring }: SourceScan & LabelContent,
  { ignored }: Source,
  known: readonly (LabelledStructure | undefined)[],
  hasPatches: boolean,
): number[] {
  const isSpoilt = !hasPatches && ignored !== undefined && occurring.has(ignored)
  const asFound = (mark: number | string): number | string => (label.kind === 'folder' ? String(mark) : mark)
  return known.map(structure => {
    if (!structure || isSpoilt) return -1
    return Number(structure.marks.some(mark => occurring.has(asFound(mark))))
  })
}

function unknownLines(scans: readonly SurveyedScan[]): string[] {
  const isIgnored = ({ source, occurring }: SurveyedScan): boolean =>
    source.ignored !== undefined && occurring.has(source.ignored)
  const line = (left: readonly SurveyedScan[], one: string, several: string): string[] =>
    left.length === 0
      ? []
      : [`${listed(left.map(({ name }) => name))}: left out, because ${left.length === 1 ? one : several}`]
  return [
    ...line(scans.filter(isIgnored), 'it has ignored voxels', 'they have ignored voxels'),
    ...line(
      scans.filter(scan => !isIgnored(scan)),
      'none of its structures is annotated',
      'none of their structures is annotated',
    ),
  ]
}

function neverPresent(name: string, states: readonly number[]): string[] {
  if (states.includes(1)) return []
  return [states.includes(0) ? `${name} is absent from every scan` : `${name} is annotated in no scan`]
}

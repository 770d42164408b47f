import { InputError } from '../../util/error.ts'
import { nearest } from '../../util/nearest.ts'
import { readNiftiGrid } from '../scan/nifti.ts'
import { isNiftiName } from '../scan/read_scan.ts'
import { checkSameGrid } from '../scan/same_grid.ts'
import { type LabelContent, surveyLabel } from './labels.ts'
import type { Refusal } from './pairs.ts'
import type { Source, SourceScan } from './sources.ts'
import type { LabelledStructure } from './structures.ts'

/** A scan whose label has been surveyed. */
export interface SurveyedScan extends SourceScan, LabelContent {
  source: Source
  /** (S): the dataset's structures that are annotated in it, as its source marks them; undefined for the others */
  known: (LabelledStructure | undefined)[]
  /** (S): 1 present in the scan, 0 absent, −1 not annotated */
  presence: number[]
}

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
 * Reads every label and every NIfTI header once, one in memory at a time, so that errors are reported before anything is written and the
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
  const scans = surveyed.flatMap(({ source, scans }, i) => {
    checkNames(source, structureNames)
    return scans.map(scan => {
      const known = knownIn(scan, source, structures[i]!, structureNames)
      return { ...scan, source, known, presence: presenceIn(scan, source, known, hasPatches) }
    })
  })
  const usable = scans.filter(({ presence }) => presence.some(state => state !== -1))
  const warnings = [
    ...sources.flatMap(({ notes }) => notes),
    ...scans.filter(scan => !usable.includes(scan)).map(unknownLine),
    ...surveyed.flatMap((each, i) => strayMarks(each, structures[i]!)),
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
    const headers = scan.images.filter(isNiftiName).map(readNiftiGrid)
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
    refuse(error)
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
  const named = [...marks].map(mark => ({ name: typeof mark === 'number' ? `label_${mark}` : mark, marks: [mark] }))
  return named.sort(({ marks: [a] }, { marks: [b] }) => (typeof a === 'number' ? a - (b as number) : a! < b! ? -1 : 1))
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
  if (!order) return all
  const missing = all.find(name => !order.includes(name))
  if (missing !== undefined)
    throw new InputError(`structures: '${missing}' of a source is missing from the list of all structures`)
  if (new Set(order).size < order.length) throw new InputError('structures: the list of all structures names one twice')
  return [...order]
}

function checkNames({ where, annotated = [], notAnnotated, scans }: Source, names: readonly string[]): void {
  for (const name of [...annotated, ...Object.values(notAnnotated).flat()]) {
    if (names.includes(name)) continue
    const meant = nearest(name, names)
    throw new InputError(`${where}: annotated names '${name}', expected ${meant ? `'${meant}'` : names.join(', ')}`)
  }
  const stray = Object.keys(notAnnotated).find(scan => !scans.some(({ name }) => name === scan))
  if (stray !== undefined)
    throw new InputError(`${where}: not_annotated names '${stray}', which is not one of its scans`)
}

/** The structures annotated in a scan. In a folder of masks, a structure counts only if all its files exist. */
function knownIn(
  { name, label }: SourceScan,
  { annotated, notAnnotated }: Source,
  structures: readonly LabelledStructure[],
  names: readonly string[],
): (LabelledStructure | undefined)[] {
  return names.map(structureName => {
    const isLookedFor = (annotated ?? names).includes(structureName) && !notAnnotated[name]?.includes(structureName)
    const structure = isLookedFor ? structures.find(each => each.name === structureName) : undefined
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

function unknownLine({ name, source, occurring }: SurveyedScan): string {
  const isIgnored = source.ignored !== undefined && occurring.has(source.ignored)
  return `${name}: left out, because ${isIgnored ? 'it has ignored voxels' : 'none of its structures is annotated'}`
}

function neverPresent(name: string, states: readonly number[]): string[] {
  if (states.includes(1)) return []
  return [states.includes(0) ? `${name} is absent from every scan` : `${name} is annotated in no scan`]
}

/** A warning about labels that belong to no structure, by intent or by mistake. */
function strayMarks({ source, scans }: Surveyed, structures: readonly LabelledStructure[]): string[] {
  const marks = new Set<number | string>(structures.flatMap(structure => structure.marks))
  const stray = new Set(
    scans.flatMap(({ label, occurring }) =>
      label.kind === 'volume' ? [...occurring].filter(mark => !marks.has(mark)) : [],
    ),
  )
  stray.delete(source.ignored ?? 0)
  if (stray.size === 0) return []
  return [
    `${source.where}: label values ${[...stray].sort((a, b) => Number(a) - Number(b)).join(', ')} belong to no structure`,
  ]
}

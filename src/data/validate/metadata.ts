import { join } from 'node:path'
import { z } from 'zod'
import { codeOf } from '../../util/files/reason.ts'
import { jsonValue } from '../../util/json.ts'
import { mirrorPartners } from '../../util/mirror.ts'
import { AXIS_DIVISOR, type ImageSize } from '../../util/shape.ts'
import { readText } from '../../util/whole_file.ts'
import { metadataSchema } from '../dataset/dataset.ts'
import type { DatasetView } from '../dataset/view.ts'
import { type Preparation, parsePreparation } from '../scan/preparation.ts'
import { parseScanRanges } from '../scan/scan_ranges.ts'
import { type ScanWarning, warningLines } from '../scan/scan_warnings.ts'
import type { Findings, Severity } from './findings.ts'

/** The valid parts of metadata.json. */
export interface KnownMetadata {
  structureNames?: readonly string[]
  imageSize?: ImageSize
  channelNames?: readonly string[]
  preparation?: Preparation
  /** the dataset has no files of its own */
  view?: DatasetView
  /** samples that `dataset_info` counts, by its keys */
  counts: Record<string, number>
}

const FILE = 'metadata.json'
const countsSchema = z
  .record(z.string(), z.unknown())
  .transform(info =>
    Object.fromEntries(Object.entries(info).filter((entry): entry is [string, number] => typeof entry[1] === 'number')),
  )

const doubtsSchema = z.object({
  subjects: z.array(z.object({ warnings: z.array(z.object({ file: z.string(), text: z.string() })).optional() })),
})

/** Checks metadata.json for contradictions within itself. */
export function validateMetadata(directory: string, findings: Findings): KnownMetadata {
  const path = join(directory, FILE)
  const say = (severity: Severity, message: string): void => findings.add({ severity, file: FILE, message })
  const value = readMetadata(path, findings)
  if (value === undefined) return { counts: {} }
  const parsed = metadataSchema.safeParse(value)
  for (const issue of parsed.error?.issues ?? [])
    say('error', `${issue.path.join('.') || 'the whole file'}: ${issue.message}`)
  const { shape } = metadataSchema
  const part = <T>(schema: z.ZodType<T>, key: string): T | undefined =>
    schema.safeParse((value as Record<string, unknown>)[key]).data
  const structureNames = part(shape.structure_names, 'structure_names')
  const imageSize = part(shape.image_size, 'image_size')
  const number = part(shape.num_structures, 'num_structures')
  if (structureNames) checkNames(structureNames, findings)
  if (structureNames && number !== undefined && number !== structureNames.length)
    say('error', `num_structures is ${number}, structure_names has ${structureNames.length}`)
  if (imageSize?.some(axis => axis % AXIS_DIVISOR !== 0))
    say('warning', `image_size is ${imageSize.join('×')}: set training.image_size to axes divisible by ${AXIS_DIVISOR}`)
  const given = part(shape.preparation, 'preparation')
  const preparation = given === undefined ? undefined : findings.attempt(path, () => parsePreparation(given, path))
  if (preparation && imageSize && preparation.image_size.join() !== imageSize.join())
    say('error', `preparation.image_size is ${preparation.image_size.join('×')}, image_size ${imageSize.join('×')}`)
  const ranges = part(shape.training_scans, 'training_scans')
  if (ranges !== undefined) findings.attempt(path, () => parseScanRanges(ranges, path))
  const channelNames = part(shape.channel_names, 'channel_names')
  const view = part(shape.view, 'view')
  for (const line of doubtsIn(part(doubtsSchema, 'dataset_info'))) say('warning', line)
  return {
    ...(structureNames ? { structureNames } : {}),
    ...(imageSize ? { imageSize } : {}),
    ...(channelNames ? { channelNames } : {}),
    ...(preparation ? { preparation } : {}),
    ...(view ? { view } : {}),
    counts: part(countsSchema, 'dataset_info') ?? {},
  }
}

/** What the headers of scans leave in doubt, as import recorded it. */
function doubtsIn(info: z.infer<typeof doubtsSchema> | undefined): string[] {
  const doubts = (info?.subjects ?? []).flatMap(({ warnings = [] }) =>
    warnings.map(({ file, text }): ScanWarning => ({ path: file, text })),
  )
  return warningLines(doubts)
}

function readMetadata(path: string, findings: Findings): unknown {
  let text: string
  try {
    text = readText(path)
  } catch (error) {
    const message = codeOf(error) === 'ENOENT' ? 'is missing' : (error as Error).message.replace(`${path}: `, '')
    findings.add({ severity: 'error', file: FILE, message })
    return undefined
  }
  const value = findings.attempt(path, () => jsonValue(text, path))
  if (value === undefined || (typeof value === 'object' && value !== null)) return value
  findings.add({ severity: 'error', file: FILE, message: 'is not an object' })
  return undefined
}

/** A side as a separate word, in any spelling. */
const SIDE = /(?<![a-z])(left|right)(?![a-z])/i
/** A side that flips recognise. */
const KNOWN_SIDE = /(?:^|_)(left|right)(?:_|$)/

function checkNames(names: readonly string[], findings: Findings): void {
  const partners = mirrorPartners(names)
  const places = new Map<string, number>()
  for (const [s, structure] of names.entries()) {
    const say = (severity: Severity, message: string): void =>
      findings.add({ severity, file: FILE, structure, message })
    const first = places.get(structure)
    if (first === undefined) places.set(structure, s)
    if (first !== undefined) say('error', `structure_names has it twice, as number ${first} and number ${s}`)
    else if (KNOWN_SIDE.test(structure) && partners[s] === s)
      say('warning', 'has no counterpart in structure_names: a left-right flip keeps its name')
    else if (SIDE.test(structure) && !KNOWN_SIDE.test(structure))
      say('warning', "names a side, but not as 'left' or 'right' between underscores: a left-right flip keeps its name")
  }
}

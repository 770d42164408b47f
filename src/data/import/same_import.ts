import { resolve } from 'node:path'
import { type DatasetRecord, entriesOf, firstDifference } from '../dataset/existing.ts'
import type { ImportOptions } from './import_options.ts'
import type { SourceRequest } from './sources.ts'

/**
 * How the import that a metadata.json records differs from one with these options; undefined if it is an earlier run of the same. The
 * folders of its sources may hold other scans by now.
 */
export function importDifference(options: ImportOptions, recorded: DatasetRecord): string | undefined {
  const info = entriesOf(recorded.dataset_info)
  const { sources, structureNames, imageSize, spacing, patches, intensity } = options
  const { validationSplit, testSplit, seed } = options
  const found = Array.isArray(info.sources) ? info.sources.map(entriesOf) : []
  const origin = firstDifference({ source: info.source }, { source: 'import' })
  if (origin !== undefined) return origin
  return (
    sourcesDifference(found, sources) ??
    choiceDifference(entriesOf(info.chosen), chosenIn(options)) ??
    firstDifference(
      { ...info, ...recorded, spacing: spacingIn(recorded), intensity: info.intensity ?? [] },
      {
        ...(structureNames && { structure_names: structureNames }),
        ...(imageSize && { image_size: imageSize }),
        ...{ spacing: spacing ?? null, patches, intensity },
        ...(patches && { patch_stride: options.patchStride ?? halfOf(recorded.image_size) }),
        ...{ validation_split: validationSplit, test_split: testSplit, seed },
      },
    )
  )
}

/** Which of the settings with a default that depends on the data an import chooses. */
export function chosenIn({ sources, structureNames, imageSize }: ImportOptions): Record<string, boolean> {
  return {
    structures: sources.some(source => source.structures !== undefined),
    structure_names: structureNames !== undefined,
    image_size: imageSize !== undefined,
  }
}

/** Datasets of earlier versions do not record it. */
function choiceDifference(found: DatasetRecord, wanted: Record<string, boolean>): string | undefined {
  const other = Object.keys(wanted).find(name => name in found && found[name] !== wanted[name])
  if (other === undefined) return undefined
  return wanted[other] ? `${other} was the default` : `${other} was given, expected the default`
}

function spacingIn({ preparation }: DatasetRecord): unknown {
  return entriesOf(entriesOf(preparation).frame).spacing_mm ?? null
}

/** The patch stride of an import that gives none. */
function halfOf(imageSize: unknown): unknown {
  return Array.isArray(imageSize) ? imageSize.map(axis => axis / 2) : undefined
}

function sourcesDifference(found: readonly DatasetRecord[], wanted: readonly SourceRequest[]): string | undefined {
  if (found.length !== wanted.length) return `${found.length} sources, expected ${wanted.length}`
  for (const [i, source] of wanted.entries()) {
    const { structures: marks, ...settings } = source
    const { structures, ...others } = found[i]!
    const difference =
      firstDifference({ ...empty, ...placed(others) }, { ...empty, ...placed(settings) }) ??
      (marks && firstDifference({ structures }, { structures: Object.fromEntries(marks.map(m => [m.name, m.marks])) }))
    if (difference !== undefined) return difference
  }
  return undefined
}

/** Every setting of a source that may be missing on either side. */
const empty: Readonly<Record<Exclude<keyof SourceRequest, 'images' | 'structures'>, null>> = {
  ...{ name: null, labels: null, leftOut: null, annotated: null, notAnnotated: null },
  ...{ subjectPattern: null, split: null },
}

/** The same folder may be named from elsewhere. */
function placed(source: DatasetRecord): DatasetRecord {
  const absolute = ['images', 'labels'].flatMap(key => {
    const path = source[key]
    return typeof path === 'string' ? [[key, resolve(path)]] : []
  })
  return { ...source, ...Object.fromEntries(absolute) }
}

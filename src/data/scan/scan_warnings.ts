import { basename } from 'node:path'
import { InputError } from '../../util/error.ts'
import { listed } from '../../util/listing.ts'
import type { Affine } from './grid.ts'
import { leastAngle } from './spacing.ts'
import { isVolumeName } from './volume/names.ts'
import { readVolumeGrid } from './volume/volume.ts'

/** What is in doubt about a file of a scan: a sentence to follow its name. */
export interface ScanWarning {
  path: string
  text: string
}

const PERPENDICULAR = 89 // degrees

/** Warns of axes that are not perpendicular. */
export function shearWarnings(affine: Affine): string[] {
  const angle = leastAngle(affine)
  if (angle >= PERPENDICULAR) return []
  return [
    `its axes are not perpendicular (${angle.toFixed(1)}°, as under a gantry tilt): volumes are exact, but shapes stay sheared and distances between surfaces are approximate`,
  ]
}

/** What the headers of volumes leave in doubt; nothing for files that cannot be read, and for DICOM, whose files are read only once. */
export function headerWarnings(paths: readonly string[]): ScanWarning[] {
  return paths.filter(isVolumeName).flatMap(path => {
    try {
      return readVolumeGrid(path).warnings.map(text => ({ path, text }))
    } catch (error) {
      if (error instanceof InputError) return []
      throw error
    }
  })
}

/** One line for each kind of warning, with its files: equal texts, or texts that differ in numbers only. */
export function warningLines(warnings: readonly ScanWarning[]): string[] {
  const kinds = new Map<string, ScanWarning[]>()
  for (const warning of warnings) {
    const kind = warning.text.replace(/[\d.×e+-]+/g, '0')
    const same = kinds.get(kind) ?? []
    if (!same.some(({ path }) => path === warning.path)) kinds.set(kind, [...same, warning])
  }
  return [...kinds.values()].map(lineOf)
}

function lineOf(warnings: readonly ScanWarning[]): string {
  const { path, text } = warnings[0]!
  if (warnings.length === 1) return `${listed([path])}: ${text}`
  const names = listed(warnings.map(each => basename(each.path)).sort())
  const varies = warnings.some(each => each.text !== text)
    ? ` (the numbers are those of ${listed([basename(path)])})`
    : ''
  return `${warnings.length} files (${names}), each: ${text}${varies}`
}

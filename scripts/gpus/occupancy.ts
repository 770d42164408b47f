import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { readText } from '../../src/util/whole_file.ts'
import type { FamilyReport } from './amd.ts'
import type { Compiled, Statistics } from './compile.ts'

const PATH = fileURLToPath(new URL('occupancy.json', import.meta.url))

/** The fewest waves on a SIMD among the forms of a kernel, for each family; null where the rules do not choose it. */
export interface Occupancy {
  families: readonly string[]
  waves: Readonly<Record<string, readonly (number | null)[]>>
}

export function recordedOccupancy(): Occupancy {
  return JSON.parse(readText(PATH)) as Occupancy
}

/** A line for each kernel. */
export function recordOccupancy({ families, waves }: Occupancy): void {
  const list = (items: readonly unknown[]): string => `[${items.map(item => JSON.stringify(item)).join(', ')}]`
  const lines = Object.entries(waves).map(([kind, counts]) => `    ${JSON.stringify(kind)}: ${list(counts)}`)
  writeFileSync(PATH, `{\n  "families": ${list(families)},\n  "waves": {\n${lines.join(',\n')}\n  }\n}\n`)
}

export function occupancyOf(reports: readonly FamilyReport[]): Occupancy {
  const rows = reports.map(({ kernels }) => fewestWaves(kernels))
  const kinds = [...new Set(rows.flatMap(row => [...row.keys()]))].sort()
  const waves = kinds.map(kind => [kind, rows.map(row => row.get(kind) ?? null)])
  return { families: reports.map(({ family }) => family), waves: Object.fromEntries(waves) }
}

function fewestWaves(kernels: readonly Compiled[]): Map<string, number> {
  const waves = new Map<string, number>()
  for (const { kind, isChosen, statistics } of kernels)
    if (isChosen && statistics)
      waves.set(kind, Math.min(waves.get(kind) ?? Number.POSITIVE_INFINITY, wavesOf(statistics)))
  return waves
}

function wavesOf(statistics: Statistics): number {
  return statistics['Subgroups per SIMD']!
}

/** What is wrong with a family's kernels, a line each: refusals of any, spills of those that the rules choose. */
export function faultsOf({ family, kernels }: FamilyReport): string[] {
  return kernels.flatMap(({ name, isChosen, statistics, refusal }) => {
    if (!statistics) return [`${family} refuses ${name}: ${refusal}`]
    const [spilled, scratch] = [statistics['Spilled VGPRs']!, statistics['Scratch size']!]
    return isChosen && spilled + scratch > 0
      ? [`${family} spills ${spilled} registers and takes ${scratch} bytes of scratch memory in ${name}`]
      : []
  })
}

/** Where occupancy is below the recorded one, or one of the two lacks a kernel, a line each. */
export function losses(found: Occupancy, recorded: Occupancy): string[] {
  return found.families.flatMap((family, i) => {
    const column = recorded.families.indexOf(family)
    const kinds = new Set([...Object.keys(found.waves), ...Object.keys(recorded.waves)])
    return [...kinds].flatMap(kind => {
      const waves = found.waves[kind]?.[i] ?? null
      const before = recorded.waves[kind]?.[column] ?? null
      if (waves === before || (waves !== null && before !== null && waves > before)) return []
      const say = (count: number | null): string => (count === null ? 'none' : `${count}`)
      return [`${family}: waves of ${kind}: ${say(waves)}, recorded ${say(before)}`]
    })
  })
}

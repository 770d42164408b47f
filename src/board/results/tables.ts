import { join } from 'node:path'
import { isJsonObject, type JsonObject } from '../../config/json.ts'
import { csvRecords } from '../../util/csv.ts'
import { readText } from '../../util/whole_file.ts'
import { ownFile } from '../records/own_files.ts'
import { readRecordJson } from '../records/record_json.ts'
import type { CaseRow, CaseStructure } from '../wire/results.ts'

/** What a folder of results says: of `evaluate`, of `predict`, or of both about the same data. */
export interface Tables {
  /** `evaluated` of detailed_metrics.json */
  evaluated: JsonObject | undefined
  /** presence.json */
  predicted: JsonObject | undefined
  structures: string[]
  cases: CaseRow[]
}

/** Reads the tables of a folder. Throws InputError if one that is there cannot be read. */
export function readTables(folder: string): Tables {
  const predicted = jsonOf(folder, 'presence.json')
  const metrics = jsonOf(folder, 'detailed_metrics.json')
  const evaluated = isJsonObject(metrics?.evaluated) ? metrics.evaluated : undefined
  const judged = ownFile(folder, ['cases.csv']) ? judgedCases(readText(join(folder, 'cases.csv'))) : []
  // an evaluation of one dataset and a prediction of another may share a folder: the evaluation says more
  const found = predicted ? predictedCases(predicted) : []
  const cases = judged.length === 0 ? found : judged.map(row => withVolumes(row, found))
  const names = [predicted, evaluated].flatMap(namesOf)
  const structures = [...new Set([...names, ...cases.flatMap(each => each.structures.map(({ name }) => name))])]
  return { evaluated, predicted, structures, cases }
}

/** Structure names of what `evaluate` or `predict` says, in the order of their masks. */
export function namesOf(facts: JsonObject | undefined): string[] {
  const names = facts?.structure_names
  return Array.isArray(names) ? names.map(String) : []
}

function jsonOf(folder: string, name: string): JsonObject | undefined {
  return ownFile(folder, [name]) ? readRecordJson(join(folder, name)) : undefined
}

/** cases.csv has a line for every known pair of sample and structure, in order of samples. */
function judgedCases(text: string): CaseRow[] {
  const cases = new Map<number, CaseRow>()
  for (const line of csvRecords(text)) {
    const sample = Number(line.sample)
    const { subject, scenario } = line
    const row = cases.get(sample) ?? caseOf(sample, subject ?? '', scenario)
    cases.set(sample, row)
    const dice = numberOf(line.gated_dice || line.dice)
    const volume = numberOf(line.predicted_volume)
    row.structures.push({
      name: line.structure ?? '',
      isPresent: line.present === '1',
      probability: Number(line.presence_probability),
      isPredicted: line.predicted_present === '1',
      ...(dice !== undefined && { dice }),
      ...(volume !== undefined && { volume: volumeText(volume, line.distance_unit === 'mm') }),
    })
  }
  return [...cases.values()].map(summed)
}

function predictedCases({ samples }: JsonObject): CaseRow[] {
  return (Array.isArray(samples) ? samples : []).filter(isJsonObject).map(each => {
    const row = caseOf(Number(each.sample), String(each.scan ?? ''))
    if (Array.isArray(each.warnings)) row.warnings = each.warnings.map(String)
    const structures = isJsonObject(each.structures) ? Object.entries(each.structures) : []
    row.structures = structures.flatMap(([name, facts]): CaseStructure[] => {
      if (!isJsonObject(facts)) return []
      const { presence_probability, present, volume_ml, mask_voxels } = facts
      const isKnown = typeof volume_ml === 'number'
      const volume = volumeText(Number(isKnown ? volume_ml : mask_voxels), isKnown)
      return [{ name, probability: Number(presence_probability), isPredicted: present === true, volume }]
    })
    return row
  })
}

/** Warnings come from the prediction; an evaluation has none of single scans. */
function withVolumes(row: CaseRow, predicted: readonly CaseRow[]): CaseRow {
  const same = predicted.find(({ sample }) => sample === row.sample)
  return same ? { ...row, warnings: same.warnings } : row
}

function caseOf(sample: number, name: string, scenario?: string): CaseRow {
  return {
    sample,
    name: name === '' ? `sample ${sample}` : name,
    ...(scenario && { scenario }),
    wrong: 0,
    structures: [],
    warnings: [],
  }
}

function summed(row: CaseRow): CaseRow {
  const known = row.structures.flatMap(({ dice }) => dice ?? [])
  const wrong = row.structures.filter(({ isPresent, isPredicted }) => isPresent !== isPredicted).length
  const dice = known.reduce((sum, each) => sum + each, 0) / known.length
  return { ...row, wrong, ...(known.length > 0 && { dice }) }
}

function numberOf(text: string | undefined): number | undefined {
  const value = text === undefined || text === '' ? Number.NaN : Number(text)
  return Number.isFinite(value) ? value : undefined
}

function volumeText(volume: number, isMillilitres: boolean): string {
  return isMillilitres ? `${Number(volume.toPrecision(4))} ml` : `${volume} voxels`
}

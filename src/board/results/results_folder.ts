import { isJsonObject, type Json } from '../../config/json.ts'
import type { Found } from '../records/find.ts'
import { listRecordFiles, signatureOf } from '../records/own_files.ts'
import type { CaseRow, ResultsPage } from '../wire/results.ts'
import { readTables, type Tables } from './tables.ts'

const TABLES = ['presence.json', 'detailed_metrics.json', 'cases.csv']
const DEFAULT_THRESHOLD = 0.5

/** A folder that `evaluate` or `predict` wrote, read again when it changed. */
export class ResultsFolder {
  readonly id: string
  readonly path: string
  private held: Tables | undefined
  private signature = ''

  constructor({ id, path }: Found) {
    this.id = id
    this.path = path
  }

  /** True if the tables changed since the last call. */
  refresh(): boolean {
    const signature = TABLES.map(name => signatureOf(this.path, name)).join('\n')
    const isNew = signature !== this.signature
    this.signature = signature
    if (isNew) this.held = undefined
    return isNew
  }

  /** Throws InputError if a table cannot be read. */
  get tables(): Tables {
    this.held ??= readTables(this.path)
    return this.held
  }

  get threshold(): number {
    const { evaluated, predicted } = this.tables
    const threshold = evaluated?.presence_threshold ?? predicted?.presence_threshold
    return typeof threshold === 'number' ? threshold : DEFAULT_THRESHOLD
  }

  caseAt(sample: number): CaseRow | undefined {
    return this.tables.cases.find(each => each.sample === sample)
  }

  get page(): ResultsPage {
    const { evaluated, predicted, structures, cases } = this.tables
    const { dataset, split } = evaluated ?? {}
    const failed = Array.isArray(predicted?.failed) ? predicted.failed.filter(isJsonObject) : []
    const warnings = [evaluated?.warnings, predicted?.warnings].flatMap(textsOf)
    return {
      id: this.id,
      weights: textsOf(evaluated?.weights ?? predicted?.weights),
      data: dataset === undefined ? String(predicted?.input ?? '') : `${dataset}, ${split}`,
      threshold: this.threshold,
      structures,
      cases,
      failed: failed.map(({ scan, sample, reason }) => [String(scan || `sample ${sample}`), String(reason)]),
      notes: [...new Set(warnings)],
      artifacts: listRecordFiles(this.path),
    }
  }
}

function textsOf(value: Json | undefined): string[] {
  return value === undefined || value === null ? [] : (Array.isArray(value) ? value : [value]).map(String)
}

import { csvLine } from '../util/csv.ts'

/** One known pair of sample and structure in an evaluation: a line of cases.csv, named as its columns. */
export interface CaseRow {
  /** index within the split */
  sample: number
  subject: string
  scenario: string
  structure: string
  /** 1 present, 0 absent */
  present: 0 | 1
  presence_probability: number
  predicted_present: 0 | 1
  /** Overlap and distances are of masks at threshold 0.5 without the presence gate; null where they are undefined. */
  dice: number | null
  iou: number | null
  precision: number | null
  recall: number | null
  /** 95th percentile of the distances between the surfaces, the larger of both directions; in `distance_unit` */
  hd95: number | null
  /** mean distance between the surfaces over both directions */
  surface_distance: number | null
  /** millilitres where the spacing is known, else voxels */
  true_volume: number
  predicted_volume: number
  distance_unit: 'mm' | 'voxel'
}

const COLUMNS: readonly (keyof CaseRow)[] = [
  'sample',
  'subject',
  'scenario',
  'structure',
  'present',
  'presence_probability',
  'predicted_present',
  'dice',
  'iou',
  'precision',
  'recall',
  'hd95',
  'surface_distance',
  'true_volume',
  'predicted_volume',
  'distance_unit',
]

/** cases.csv: a heading and one line a row; what is undefined is an empty cell. */
export function casesCsv(rows: readonly CaseRow[]): string {
  return csvLine(COLUMNS) + rows.map(row => csvLine(COLUMNS.map(column => row[column] ?? ''))).join('')
}

import { csvLine } from '../util/csv.ts'

/** One known (sample, structure) pair of an evaluation: a row of cases.csv. The keys are the column names. */
export interface CaseRow {
  /** index within the split, from 0, as in its HDF5 file */
  sample: number
  subject: string
  scenario: string
  structure: string
  /** 1 present, 0 absent */
  present: 0 | 1
  presence_probability: number
  predicted_present: 0 | 1
  /** Overlap and distances use masks at threshold 0.5, without the presence gate. Undefined metrics are null. */
  dice: number | null
  iou: number | null
  precision: number | null
  recall: number | null
  /** 95th percentile of the surface distances, the larger of the two directions; in `distance_unit` */
  hd95: number | null
  /** mean surface distance over both directions */
  surface_distance: number | null
  /** in millilitres if the spacing is known, otherwise in voxels */
  true_volume: number
  predicted_volume: number
  distance_unit: 'mm' | 'voxel'
  /** Dice with the presence gate, as pictures show it: of an empty mask if the structure is predicted absent */
  gated_dice: number | null
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
  'gated_dice',
]

/** cases.csv: a header, then one line per row. Undefined values are empty cells. */
export function casesCsv(rows: readonly CaseRow[]): string {
  return csvLine(COLUMNS) + rows.map(row => csvLine(COLUMNS.map(column => row[column] ?? ''))).join('')
}

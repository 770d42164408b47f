import type { Artifact } from './run.ts'

/** A structure in one case. What the results do not say is missing. */
export interface CaseStructure {
  name: string
  /** whether it is there, if that is known */
  isPresent?: boolean
  /** presence probability */
  probability: number
  /** whether it was predicted present, at the threshold of the results */
  isPredicted: boolean
  /** with the presence gate, as the pictures show it; only of structures that are there */
  dice?: number
  /** of the predicted mask, with its unit */
  volume?: string
}

export interface CaseRow {
  /** index in the input or the split, from 0 */
  sample: number
  /** scan, subject or `sample N` */
  name: string
  scenario?: string
  /** mean over the structures that have one */
  dice?: number
  /** structures whose presence was predicted wrong */
  wrong: number
  structures: CaseStructure[]
  warnings: string[]
}

/** Answer of /api/results. */
export interface ResultsPage {
  id: string
  weights: string[]
  /** dataset and split, or the input */
  data: string
  threshold: number
  /** in the order of label values 1, 2, … and of colours */
  structures: string[]
  cases: CaseRow[]
  /** scans that could not be predicted: name and reason */
  failed: [name: string, reason: string][]
  /** what the reader should know, one line each */
  notes: string[]
  artifacts: Artifact[]
}

export type Layer = 'scan' | 'truth' | 'prediction' | 'attention'

/** Answer of /api/case. */
export interface CasePage {
  row: CaseRow
  structures: string[]
  threshold: number
  layers: Layer[]
  /** whether the predicted masks of structures that were predicted absent are empty */
  isGated: boolean
  /** why a layer is not there, one line each */
  missing: string[]
}

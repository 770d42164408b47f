import type { ToolName } from './tool.ts'

export interface StructureOutcome {
  dice: number | null
  /** mm */
  hd95: number | null
}

/** A finished training and what its model is worth. */
export interface Outcome {
  tool: ToolName
  settings: string
  fold: number
  seed: number
  device: string
  seconds: number
  epochs: number
  samples_per_s: number
  peak_bytes: number | null
  /** means over the held-out scans, in the scans' own space */
  structures: Record<string, StructureOutcome>
  /** mean over structures */
  dice: number | null
  /** mean Dice on the scans of the curve, by the time when each model was on disk */
  curve: { seconds: number; dice: number | null }[]
  /** of the final model */
  weights: string
  cases: { scan: string; structure: string; dice: number | null; hd95: number | null }[]
}

export interface OutcomeReport {
  data: string
  minutes: number
  folds: number
  fold_seed: number
  outcomes: Outcome[]
  /** tools that did not run, with the reason */
  missing: { tool: ToolName; reason: string }[]
}

import type { RunRow, Setting } from './runs.ts'

export interface Artifact {
  name: string
  bytes: number
  /** changes with the content, so that a picture is loaded again */
  version: string
}

/** A setting of a run, and the default if it is known and another. */
export interface ShownSetting {
  key: string
  value: Setting
  default?: Setting
}

/** Answer of /api/run. */
export interface RunPage {
  row: RunRow
  command?: string
  settings: ShownSetting[]
  /** names of facts of host and program, and their values */
  host: [name: string, value: string][]
  artifacts: Artifact[]
  /** pictures of each validation sample, by epoch from 0; the last may be the only one */
  pictures: { name: string; epochs: number[] }[]
  /** id of the run that this one continues, and the epoch and batch it continues from */
  resumedFrom?: { id: string; epoch: number; step: number }
  /** why it failed, line by line */
  trace: string[]
  /** the end of the console output */
  console: string
  result?: string | number
  /** of a training of this program: batches so far, and in an epoch once one is done */
  batches?: { done: number; perEpoch?: number }
  /** when the last epoch of the plan should end, if it is running */
  expectedEnd?: number
}

/** One line of a chart, thinned to what the width can show. `values` are null where a value is not a number. */
export interface SeriesPart {
  name: string
  /** steps, or seconds since the run's first point */
  xs: number[]
  values: (number | null)[]
}

/** Answer of /api/series. */
export interface SeriesAnswer {
  /** by run, in the order asked for */
  runs: { id: string; series: SeriesPart[] }[]
}

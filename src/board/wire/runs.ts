/** How a run stands, as its record says. SILENT: it says RUNNING, but its heartbeat has stopped. BROKEN: it cannot be read. */
export type RunStatus = 'QUEUED' | 'RUNNING' | 'COMPLETED' | 'INTERRUPTED' | 'FAILED' | 'TIMEOUT' | 'SILENT' | 'BROKEN'

/** A leaf of a configuration; lists as JSON text. */
export type Setting = string | number | boolean | null

/** A row of the table of runs. Times are milliseconds since 1970; what a record does not say is missing. */
export interface RunRow {
  /** FOLDER/NUMBER, its address on the board */
  id: string
  status: RunStatus
  /** what of the record could not be read, one line each */
  problems: string[]
  experiment?: string
  comment?: string
  started?: number
  stopped?: number
  /** epochs done, and planned */
  epochs?: number
  planned?: number
  /** lowest validation loss, highest validation Dice */
  bestLoss?: number
  bestDice?: number
  /** whether its metrics have been read: figures are missing until then */
  isScanned: boolean
}

/** Answer of /api/runs. */
export interface RunTable {
  rows: RunRow[]
  /** settings that all runs have in common, by dotted key */
  common: Record<string, Setting>
  /** settings in which runs differ, by dotted key: one value per row, null also where a run has no such setting */
  differing: Record<string, Setting[]>
  /** addresses of the folders with results of `evaluate` or `predict` */
  results: string[]
  /** the board's folders as they were given */
  folders: string[]
}

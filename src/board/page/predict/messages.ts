import type { PresenceRow } from '../../../predict/subject_files.ts'

/** What the page asks of the thread that predicts. */
export type Request = { kind: 'open'; model: File } | { kind: 'predict'; files: File[]; isSlidOver: boolean }

/** What a user sees of a model before any scan is predicted. */
export interface ModelFacts {
  name: string
  structureNames: readonly string[]
  /** voxels of the model's grid, or of its window */
  size: readonly number[]
  channelNames: readonly string[]
  presenceThreshold: number
  /** whether windows can slide over whole scans */
  canSlide: boolean
}

/** The prediction of a scan. */
export interface Found {
  scan: string
  rows: readonly PresenceRow[] // (S)
  /** NIfTI on the grid of the scan: one per structure, and all in one; `labels` is undefined if there are too many for a byte */
  masks: readonly VolumeFile[] // (S)
  labels: VolumeFile | undefined
}

/** A file that is offered for download, not compressed yet. */
export interface VolumeFile {
  name: string
  bytes: Blob
}

/** What the thread that predicts tells the page. */
export type Report =
  /** bytes of the GPU's memory that the model will take */
  | { kind: 'planned'; adapter: string; memory: number }
  | { kind: 'model'; model: ModelFacts }
  | { kind: 'progress'; what: string; done: number; all: number }
  | { kind: 'said'; line: string }
  | { kind: 'found'; found: Found }
  | { kind: 'failed'; line: string }
  | { kind: 'lost'; line: string }

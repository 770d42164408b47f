import type { Fold } from './fold.ts'

/** What every tool gets to train with. */
export interface TrainingTask {
  fold: Fold
  /** for what it writes */
  folder: string
  /** wall clock that the training may take, from the start of its process to its end */
  seconds: number
  /** models saved on the way, at equal distances; the last is the final one */
  snapshots: number
  seed: number
  stop: AbortSignal
  say(line: string): void
}

/** A model on the way, or the final one. */
export interface Snapshot {
  path: string
  /** since the start of the training's process */
  seconds: number
}

export interface Trained {
  /** wall clock of the training's process */
  seconds: number
  epochs: number
  /** samples or patches that the training has seen */
  samples: number
  /** of the training's process and its descendants, in the host's memory; null where it cannot be measured */
  peak_bytes: number | null
  /** what it ran on */
  device: string
  /** in the order of time; the last is the final model */
  snapshots: Snapshot[]
}

export interface PredictionTask {
  /** a model of `Trained` */
  weights: string
  fold: Fold
  /** a folder of scans */
  images: string
  /** takes one label volume per scan, or what `sadaan-gpu predict` writes */
  output: string
  /** whether it is the final model: on the way, tools predict without averaging over mirrored inputs */
  isFinal: boolean
  /** for logs and intermediate files */
  folder: string
  stop: AbortSignal
}

export const TOOLS = ['ours', 'monai', 'nnunet'] as const

/** On the command line. */
export type ToolName = (typeof TOOLS)[number]

/** A program that trains a model and predicts with it. Both throw ChildError if it fails. */
export interface Tool {
  name: ToolName
  /** what distinguishes this run of the tool from others in the table */
  settings: string
  train(task: TrainingTask): Promise<Trained>
  predict(task: PredictionTask): Promise<void>
}

/** Epochs after which to save: `count` of them at equal distances, the last epoch among them. */
export function snapshotEpochs(epochs: number, count: number): number[] {
  const wanted = Math.min(epochs, count)
  return [...new Set(Array.from({ length: wanted }, (_, i) => Math.round(((i + 1) * epochs) / wanted)))]
}

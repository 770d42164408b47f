import type { SadaanOutputs } from '../nn/sadaan.ts'
import type { SadaanShape } from '../nn/specification.ts'

/** Outputs that are volumes on a subject's grid. */
export type VolumeName = 'segmentation_probs' | 'attention_maps'

/** The model's prediction for a subject, from all its passes. */
export interface SubjectPrediction {
  presence: ArrayLike<number> // (S)
  /** of structure s, on the grid of the subject's frame */
  volume(name: VolumeName, s: number): Float32Array
}

/** The model's outputs for one sample, by name. */
export type RawOutputs = Readonly<Record<RawName, Float32Array>>

export type RawName = Exclude<keyof SadaanOutputs, 'position_priors'>

export type Axes = (shape: SadaanShape) => readonly number[]

export const volumes: Axes = ({ structures, size }) => [structures, ...size]

export const scores: Axes = ({ structures }) => [structures]

/** Axes of each output after the sample axis. */
export const RAW_AXES: Record<RawName, Axes> = {
  attention_maps: volumes,
  feature_responses: volumes,
  alignment_scores: scores,
  absence_logits: ({ structures }) => [structures, 2],
  presence_probs: scores,
  confidence_scores: scores,
  segmentation_logits: volumes,
  segmentation_probs: volumes,
}

export const RAW_NAMES = Object.keys(RAW_AXES) as RawName[]

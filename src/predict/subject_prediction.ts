import type { SadaanOutputs } from '../nn/sadaan.ts'
import type { SadaanShape } from '../nn/specification.ts'

/** Outputs that are volumes on a subject's grid. */
export type VolumeName = 'segmentation_probs' | 'attention_maps'

/** Volumes that can be written: those, and the standard deviation of the probabilities over the models of an ensemble. */
export type ResultVolume = VolumeName | 'uncertainty'

/** How far the models of an ensemble agree on a structure of a subject. */
export interface Agreement {
  /** standard deviation of the presence probabilities */
  presenceDeviation: number
  /** mean Dice of pairs of masks, on the grid of the subject's frame and without the presence gate; null if all are empty */
  pairwiseDice: number | null
}

/** The prediction for a subject, from all its passes. */
export interface SubjectPrediction {
  presence: ArrayLike<number> // (S)
  /** of structure s, on the grid of the subject's frame */
  volume(name: ResultVolume, s: number): Float32Array
  /** (S); undefined for a single model */
  agreement?: readonly Agreement[]
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

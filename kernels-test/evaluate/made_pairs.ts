import type { SampleFacts } from '../../src/evaluate/judged_pair.ts'
import { Metrics } from '../../src/evaluate/metrics.ts'
import type { SurfaceDistances } from '../../src/evaluate/surface_distance.ts'

export interface TestPair {
  presence: 1 | 0 | -1
  q: number
  /** voxels of the mask, of the prediction, of both */
  mask?: number
  predicted?: number
  both?: number
  surface?: SurfaceDistances
}

/** A batch as the GPU gives it: (N, S, 8) sums of which hard overlap, hard probability and mask count here. */
export function batchOf(samples: TestPair[][]) {
  const pairs = samples.flat()
  return {
    pairs: Float32Array.from(
      pairs.flatMap(({ mask = 0, predicted = 0, both = 0 }) => [0, 0, 0, mask, 0, 0, both, predicted]),
    ),
    presence: Float32Array.from(pairs, ({ presence }) => presence),
    presenceProbability: Float32Array.from(pairs, ({ q }) => q),
    surfaces: pairs.map(({ surface }) => surface ?? null),
  }
}

export function metricsOf(structureNames: string[], threshold = 0.5): Metrics {
  return new Metrics({ structureNames, threshold, distanceUnit: 'voxel', seed: 42 })
}

/** Samples of these scenarios, of nobody, of unknown spacing. */
export function factsOf(...scenarios: string[]): SampleFacts[] {
  return scenarios.map(scenario => ({ scenario, subject: '', spacing: undefined }))
}

export const unknown: TestPair = { presence: -1, q: 0.9, mask: 7, predicted: 7, both: 7 }
